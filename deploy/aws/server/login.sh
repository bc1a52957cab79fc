#!/bin/sh
# Writes the database's login into a file that bellhop reads for each new connection, since a deployment may change the
# password. The name of the user stays.
set -eu
umask 077
root=${ROOT:-} # where tests install into
state=$root/var/lib/bellhop
install -d -m 700 -o bellhop -g bellhop "$state"
login=$(aws secretsmanager get-secret-value --secret-id "$DATABASE_SECRET" --query SecretString --output text)
printf '%s' "$login" | python3 -c '
import json, sys
login = json.load(sys.stdin)
fields = [s.replace("\\", "\\\\").replace(":", "\\:") for s in (login["username"], login["password"])]
print("*:*:*:" + ":".join(fields))' >"$state/pgpass.new"
printf '%s' "$login" | python3 -c '
import json, sys
print("PGUSER=" + json.load(sys.stdin)["username"])' >"$state/login.env"
chown bellhop:bellhop "$state/pgpass.new"
mv "$state/pgpass.new" "$state/pgpass"
