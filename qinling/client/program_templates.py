# SPDX-License-Identifier: Apache-2.0
"""Files of small projects whose functions are programs."""

from __future__ import annotations

BASH = '''\
#!/bin/bash
# Each line of the input is one execution, and needs one line of JSON.
while read -r line; do
    name=world
    if [[ $line =~ \\"name\\":\\ *\\"([^\\"]*)\\" ]]; then
        name=${BASH_REMATCH[1]}
    fi
    echo "Greeting $name" >&2
    echo "\\"Hello, $name\\""
done
'''
#: Test of a program in any language: "qinling test" runs it in the sandbox.
TEST = '''\
#!/bin/bash
answer=$(echo '{"input": {"name": "Ada"}}' | ./main 2>/dev/null)
[[ $answer == '"Hello, Ada"' ]] || { echo "wrong: $answer"; exit 1; }
'''
GO = '''\
package main

import (
    "encoding/json"
    "fmt"
    "io"
    "os"
)

type event struct {
    Input struct {
        Name string `json:"name"`
    } `json:"input"`
}

// greet returns a greeting; what it prints to standard error is the log.
func greet(name string) string {
    if name == "" {
        name = "world"
    }
    fmt.Fprintln(os.Stderr, "Greeting", name)
    return "Hello, " + name
}

// Each line of the input is one execution, and needs one line of JSON.
func main() {
    in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
    for {
        var e event
        if err := in.Decode(&e); err == io.EOF {
            return
        } else if err != nil {
            fmt.Fprintln(os.Stderr, err)
            os.Exit(1)
        }
        out.Encode(greet(e.Input.Name))
    }
}
'''.replace('    ', '\t')  # as gofmt indents
GO_TEST = '''\
package main

import "testing"

func TestGreet(t *testing.T) {
    if greeting := greet("Ada"); greeting != "Hello, Ada" {
        t.Errorf("wrong: %s", greeting)
    }
}
'''.replace('    ', '\t')  # as gofmt indents
GO_MODULE = '''\
module function

go 1.19
'''
#: A static binary needs no library of the runtime.
GO_COMPILE = 'CGO_ENABLED=0 go build -o main .'
RUST = '''\
use std::io::{self, Write};

/// Return a greeting; what is printed to standard error is the log.
fn greet(name: &str) -> String {
    eprintln!("Greeting {name}");
    format!("Hello, {name}")
}

/// Return the text of a member of JSON. The crate serde_json reads all of it.
fn find_text<'a>(line: &'a str, member: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("\\"{member}\\""))?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    rest.strip_prefix('"')?.split('"').next()
}

/// Each line of the input is one execution, and needs one line of JSON.
fn main() -> io::Result<()> {
    for line in io::stdin().lines() {
        let line = line?;
        let name = find_text(&line, "name").unwrap_or("world");
        writeln!(io::stdout(), "{:?}", greet(name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn greeting() {
        assert_eq!("Hello, Ada", super::greet("Ada"));
    }
}
'''
RUST_MODULE = '''\
[package]
name = "function"
version = "0.1.0"
edition = "2021"
'''
#: A static binary needs no library of the runtime.
RUST_BUILD = '''\
#!/bin/sh -e
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS='-C target-feature=+crt-static' \\
    cargo build --quiet --release --target "$host"
cp "target/$host/release/function" main
'''
RUST_COMPILE = './build.sh'
