#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.


"""What ``main`` needs; any module in the package can be imported."""

HELLO = {'en': 'Hello', 'es': 'Hola', 'zh': '你好'}


def greetings(name):
    """A greeting in each language that we know."""
    return {language: f'{hello}, {name}!'
            for language, hello in HELLO.items()}
