#!/bin/sh
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


# Prints the Secret of the demo, with new passwords:
#
#   etc/kubernetes/overlays/demo/secret.sh | kubectl create -f -
#
# "create" refuses to do it twice, and that is right: the database keeps the
# passwords that it was made with.

set -eu

password() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

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
END
