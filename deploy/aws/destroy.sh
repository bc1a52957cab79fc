#!/bin/sh
# Removes bellhop from AWS. It asks first, and lists the parts that stay.
#
#   STACK    bellhop unless given
#   CONFIRM  the stack's name again, to skip the question
set -eu
cd "$(dirname "$0")"
me=destroy-aws
. ./stack.sh

sign_in
status=$(stack_status)
case $status in
'') die "there is no stack $stack in the account $account and the region $region" ;;
*_IN_PROGRESS) die "the stack $stack is $status; wait until that is over" ;;
esac

queue=$(resource OrdersQueue)
dead=$(resource DeadLetters)
bodies=$(resource Bodies)
database=$(resource Database)
network=$(resource Vpc)
key=$(resource KeySecret)
# guard prints the database's status and True or False for its protection, or nothing if it is gone
guard() {
	ask rds describe-db-instances --db-instance-identifier "$database" --output text \
		--query 'DBInstances[0].[DBInstanceStatus,DeletionProtection]' ||
		grep -q DBInstanceNotFound "$work/refused" || die "can't look at the database: $(refused)"
}
protection=
[ -z "$database" ] || protection=$(guard)
case $protection in
stopp*) die "the database is stopped, and has to run for its last snapshot:" \
	"aws rds start-db-instance --db-instance-identifier $database, then this again" ;;
esac

say "this takes the stack $stack down. Webhooks are refused from then on."
[ -z "$protection" ] || say "- the database $database is deleted, after a last snapshot of it; its daily backups go with it"
for url in $queue $dead; do
	n=$(messages "$url")
	[ -z "$n" ] || say "- the queue ${url##*/} holds $n messages; a queue stays if it holds any"
done
[ -z "$bodies" ] || say "- the bucket $bodies stays if it holds bodies of orders; it deletes them after 30 days"
[ -z "$(resource Distribution)" ] || say "- API and console go, with their server; a domain's name is free for another stack then"
say "- the secrets are deleted${key:+, but for the key of what is sealed in the database}"
if [ -z "${CONFIRM:-}" ]; then
	printf 'Type the name of the stack to go on: '
	read -r CONFIRM || true
fi
[ "$CONFIRM" = "$stack" ] || die "nothing was done"

# A deployment that failed may have left a database that is still being made or backed up.
case $protection in
*True)
	say "taking the protection of the database off"
	aws rds wait db-instance-available --db-instance-identifier "$database" ||
		die "the database does not become available; see why: aws rds describe-events --source-type db-instance" \
			"--source-identifier $database"
	aws rds modify-db-instance --db-instance-identifier "$database" --no-deletion-protection --apply-immediately >/dev/null
	aws rds wait db-instance-available --db-instance-identifier "$database"
	;;
esac
say "deleting; Lambda takes up to 40 minutes to leave the network"
begun=$(now)
remove() {
	aws cloudformation delete-stack --stack-name "$stack" &&
		aws cloudformation wait stack-delete-complete --stack-name "$stack"
}
# free_network deletes the group that CloudFront made for its VPC origin, and may leave behind: the network can't go
# while it is there.
free_network() {
	group=$(ask ec2 describe-security-groups --output text --query 'SecurityGroups[0].GroupId' \
		--filters "Name=vpc-id,Values=$network" Name=group-name,Values=CloudFront-VPCOrigins-Service-SG) || return
	case $group in
	sg-*) ask ec2 delete-security-group --group-id "$group" >/dev/null ;;
	*) return 1 ;;
	esac
}
remove || { [ -n "$network" ] && free_network && remove; } || {
	failures "$begun"
	die "it is not gone yet; look at the reasons above, then run this again"
}

stay=0
for url in $queue $dead; do
	n=$(messages "$url")
	if [ "${n:-0}" -eq 0 ]; then
		[ -z "$n" ] || aws sqs delete-queue --queue-url "$url"
	else
		stay=$((stay + 1))
		say "the queue ${url##*/} stays, with $n messages; the next deployment takes it in with IMPORT=yes"
	fi
done
if [ -n "$bodies" ]; then
	# This deletes an empty bucket alone.
	if ! ask s3api delete-bucket --bucket "$bodies" --expected-bucket-owner "$account"; then
		case $(refused) in
		*NoSuchBucket*) ;;
		*BucketNotEmpty*) say "the bucket $bodies stays, with bodies of orders" ;;
		*) die "can't delete the bucket $bodies: $(refused)" ;;
		esac
	fi
fi
if [ -n "$(bucket_status)" ]; then
	aws s3 rm "s3://$bucket/$stack/" --recursive --only-show-errors
	say "the bucket $bucket stays, without this stack's code: its name could be taken by others"
fi
if [ "$stay" -lt 2 ]; then
	say "SQS blocks the name of a deleted queue for a minute; waiting for that"
	sleep 60
fi
say "gone. The last snapshot: aws rds describe-db-snapshots --snapshot-type manual"
say "a new stack begins from it with make deploy-aws PARAMETERS=DatabaseSnapshot=NAME${key:+ KEY_FILE=FILE}"
[ -z "$key" ] || {
	say "its key stays, for \$0.40 a month:"
	say "  aws secretsmanager get-secret-value --secret-id $key --query SecretString --output text >FILE"
}
