#!/bin/sh
# SPDX-License-Identifier: Apache-2.0

# Print the Secret of the demo with new passwords:
#
#   etc/kubernetes/overlays/demo/secret.sh | kubectl create -f -
#
# "create" rightly fails the second time: the database keeps its initial
# passwords.

set -eu

password() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

# 32 random bytes in URL-safe base64.
key=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')

database=$(password)
bus=$(password)

cat <<END
apiVersion: v1
kind: Secret
metadata:
  name: qinling-connections
  namespace: qinling
stringData:
  database-root-password: $(password)
  database-password: $database
  bus-password: $bus
  connections.conf: |
    [DEFAULT]
    transport_url = rabbit://qinling:$bus@rabbitmq:5672/

    [database]
    connection = mysql+pymysql://qinling:$database@mariadb/qinling?charset=utf8mb4

    [secrets]
    encryption_keys = $key

    [engine]
    default_runtimes = python-3.13 localhost/qinling/python-3.13:6.0.0
    default_runtimes = nodejs-24 localhost/qinling/nodejs-24:6.0.0
END
