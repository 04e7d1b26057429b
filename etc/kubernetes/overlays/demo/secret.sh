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
