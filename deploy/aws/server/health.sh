#!/bin/sh
# Restarts a server that does not answer. Of one that does it logs the state of its parts: the alarm ServerAway counts
# the lines that say ok. A server that misses a part may have an old login.
set -eu
probes=http://127.0.0.1:9090
curl -fsS -o /dev/null --max-time 10 --retry 2 --retry-all-errors $probes/healthz ||
	exec systemctl restart bellhop-serve@8080.service
parts=$(curl -sS --max-time 10 $probes/readyz)
printf '%s\n' "$parts"
case $parts in
*'"status":"ok"'*) ;;
*) systemctl start bellhop-login.service ;;
esac
