#!/bin/sh
# Writes the database's login into a file that bellhop reads for each new connection, since a deployment may change it:
# a connection service file (https://www.postgresql.org/docs/current/libpq-pgservice.html).
set -eu
umask 077
root=${ROOT:-} # where tests install into
state=$root/var/lib/bellhop
install -d -m 700 -o bellhop -g bellhop "$state"
aws secretsmanager get-secret-value --secret-id "$DATABASE_SECRET" --query SecretString --output text | python3 -c '
import json, sys
login = json.load(sys.stdin)
print("[bellhop]", "user=" + login["username"], "password=" + login["password"], sep="\n")' >"$state/login.new"
chown bellhop:bellhop "$state/login.new"
mv "$state/login.new" "$state/login.conf"
