#!/bin/sh
# Removes bellhop from AWS. It asks first, and lists the parts that stay.
#
#   STACK    bellhop unless given
#   CONFIRM  the stack's name again, to skip the question
set -eu
stack=${STACK:-bellhop}

say() { printf '%s\n' "bellhop: $*"; }
die() {
	printf '%s\n' "destroy-aws: $*" >&2
	exit 1
}

command -v aws >/dev/null 2>&1 || die "the aws command is missing; install it from https://aws.amazon.com/cli/"
export AWS_PAGER=
status=$(aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].StackStatus' --output text 2>/dev/null || true)
[ -n "$status" ] || die "there is no stack $stack in this account and region"

output() {
	aws cloudformation describe-stacks --stack-name "$stack" --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue" --output text
}
# A failed first deployment has no outputs, and is empty.
known() { [ -n "$1" ] && [ "$1" != None ]; }
# messages URL: how many messages are in a queue, leased or not
messages() {
	aws sqs get-queue-attributes --queue-url "$1" --output text --query 'Attributes.*' \
		--attribute-names ApproximateNumberOfMessages ApproximateNumberOfMessagesNotVisible ApproximateNumberOfMessagesDelayed |
		tr '\t' '\n' | awk '{ n += $1 } END { print n + 0 }'
}

queue=$(output QueueURL) dead=$(output DeadLettersURL) database=$(output DatabaseIdentifier) bodies=$(output BodiesBucket)

say "this takes the stack $stack down. Webhooks are refused from then on."
known "$database" && say "- the database $database is deleted, after a last snapshot of it; its daily backups go with it"
known "$queue" && say "- $(messages "$queue") orders wait in the queue, and $(messages "$dead") are dead letters; a queue stays if it holds any"
known "$bodies" && say "- the bucket $bodies stays; it deletes its objects after 30 days"
say "- the secrets are deleted"
if [ -z "${CONFIRM:-}" ]; then
	printf 'Type the name of the stack to go on: '
	read -r CONFIRM || true
fi
[ "$CONFIRM" = "$stack" ] || die "nothing was done"

if known "$database"; then
	aws rds modify-db-instance --db-instance-identifier "$database" --no-deletion-protection --apply-immediately >/dev/null
	aws rds wait db-instance-available --db-instance-identifier "$database"
fi
say "deleting; Lambda takes up to 40 minutes to leave the network"
aws cloudformation delete-stack --stack-name "$stack"
aws cloudformation wait stack-delete-complete --stack-name "$stack" ||
	die "it is not gone yet: look at the stack's events in the console, then run this again"

for url in $(known "$queue" && printf '%s %s' "$queue" "$dead"); do
	n=$(messages "$url")
	if [ "$n" -eq 0 ]; then
		aws sqs delete-queue --queue-url "$url"
	else
		say "the queue $url stays, with $n messages"
	fi
done
say "gone. The last snapshot: aws rds describe-db-snapshots --snapshot-type manual"
