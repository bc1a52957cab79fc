#!/bin/sh
# Makes a fresh machine with Amazon Linux 2023 bellhop's server. The machine's user data unpacks the archive in which
# this is, and runs it once as root, with what is particular to the stack in its environment. It ends with its word to
# CloudFormation: the server answers, or which step failed.
set -eu
cd "$(dirname "$0")"
root=${ROOT:-} # where tests install into

report() {
	curl -fsS --retry 5 --retry-all-errors -X PUT -H 'Content-Type:' --data-binary \
		"{\"Status\":\"$1\",\"UniqueId\":\"server\",\"Reason\":\"$2\",\"Data\":\"\"}" "$READY_URL"
}
trap 'report FAILURE "it failed to $step: see /var/log/cloud-init-output.log on the machine"' EXIT

step="install bellhop"
install -d -m 755 "$root/etc/systemd/system/bellhop-serve@8080.service.d"
install -m 755 bellhop "$root/usr/local/bin/"
install -m 755 as-bellhop "$root/usr/bin/" # sudo need not look into /usr/local/bin
install -m 644 sysusers.conf "$root/usr/lib/sysusers.d/bellhop.conf"
install -m 644 ./bellhop-*.service ./bellhop-*.timer "$root/etc/systemd/system/"
install -m 644 serve.conf "$root/etc/systemd/system/bellhop-serve@8080.service.d/aws.conf"
install -m 644 logrotate.conf "$root/etc/logrotate.d/bellhop"
install -d -m 755 "$root/usr/local/share/bellhop" "$root/var/log/bellhop" # systemd opens logs before it makes folders
install -m 644 rds.pem "$root/usr/local/share/bellhop/"
systemd-sysusers

step="write its settings"
install -d -m 700 "$root/etc/bellhop"
umask 077
cat >"$root/etc/bellhop/bellhop.env" <<END
BELLHOP_DB="postgres://$DATABASE/bellhop?sslmode=verify-full&sslrootcert=/usr/local/share/bellhop/rds.pem&servicefile=/var/lib/bellhop/login.conf&service=bellhop&pool_max_conns=8"
BELLHOP_QUEUE="$QUEUE"
BELLHOP_LOG="json"
AWS_REGION="$AWS_REGION"
AWS_ENDPOINT_URL_SQS="https://sqs.$AWS_REGION.api.aws"
END
# Only CloudFront reaches this machine, from addresses that nobody can list.
cat >"$root/etc/bellhop/serve.env" <<END
BELLHOP_TRUSTED_PROXIES="0.0.0.0/0,::/0"
BELLHOP_METRICS_ADDR="127.0.0.1:9090"
END
cat >"$root/etc/bellhop/login.env" <<END
AWS_REGION="$AWS_REGION"
DATABASE_SECRET="$DATABASE_SECRET"
KEY_SECRET="$KEY_SECRET"
SHOPIFY_SECRET="$SHOPIFY_SECRET"
SETTINGS_OF="$SETTINGS_OF"
END

# From AWS's bucket in this region, which the gateway endpoint reaches. The machine has no memory for dnf.
step="install the CloudWatch agent"
agent=$root/opt/aws/amazon-cloudwatch-agent
rpm -U "https://amazoncloudwatch-agent-$AWS_REGION.s3.$AWS_REGION.amazonaws.com/amazon_linux/arm64/latest/amazon-cloudwatch-agent.rpm"
sed -e "s|REGION|$AWS_REGION|g" -e "s|LOG_GROUP|$LOG_GROUP|" agent.json >"$agent/etc/bellhop.json"
"$agent/bin/amazon-cloudwatch-agent-ctl" -a fetch-config -m ec2 -s -c "file:$agent/etc/bellhop.json"

systemctl disable --now amazon-ssm-agent || true # no route leads to what it talks to
systemctl daemon-reload

step="fetch its login and its key"
systemctl start bellhop-login.service

step="start bellhop"
systemctl enable --now bellhop-login.timer bellhop-health.timer bellhop-serve@8080.service

step="reach the database and the queue"
curl -sS --max-time 10 --retry 60 --retry-delay 5 --retry-all-errors --fail http://127.0.0.1:9090/readyz |
	grep '"status":"ok"'

trap - EXIT
report SUCCESS "the server answers"
