#!/bin/sh
# Deploys bellhop to AWS, or updates it. docs/aws.md walks through it.
#
#   STACK                bellhop unless given; several can be in one account
#   MODE                 express, standard or direct
#   EMAIL                the address for alarms
#   SHOPS                shops to add, such as "a.myshopify.com b.myshopify.com"
#   SHOPIFY_SECRET_FILE  a file with the Shopify app's client secret
#   SHOP_SECRETS_FILE    a file with the secrets of shops that don't sign with the app's, as JSON:
#                        {"a.myshopify.com": "secret", "b.myshopify.com": "new,old"}
#   KEY_FILE             a file with the key of what is sealed in the database: that of an earlier
#                        stack, or two, the new one first, while they rotate
#   FCM_FILE             a file with the service account that may send by FCM
#   SERVER               the instance type for API and console; t4g.nano in a new stack, off for none
#   DOMAIN               the name for them and for webhooks, such as bellhop.example.com
#   CERTIFICATE          the ARN of a certificate for it, in us-east-1
#   HOSTED_ZONE          the ID of its zone in Route 53, for its records
#   PARAMETERS           any others of bellhop.yaml, such as "Consumers=8 MultiAZ=true"
#   IMPORT               yes takes in what an earlier stack of this name left: queues with
#                        orders, and the bucket with their large bodies
#   BELLHOP_BOOTSTRAP    the functions' program, in place of one that is built here
#   BELLHOP_SERVER       the server's, likewise
#
# Settings that you don't give stay as they are. The account and the region are the
# aws command's.
set -eu
cd "$(dirname "$0")"
me=deploy-aws
. ./stack.sh
. ./account.sh
. ./server.sh

# ---- Requirements -----------------------------------------------------------

case ${MODE:-express} in
express | standard | direct) ;;
*) die "MODE is '$MODE': give express, standard or direct" ;;
esac
for shop in ${SHOPS:-}; do
	case $shop in
	*[!a-z0-9.-]* | .*) die "'$shop' in SHOPS is no shop: give NAME.myshopify.com" ;;
	*.myshopify.com) ;;
	*) die "'$shop' in SHOPS is no shop: give NAME.myshopify.com" ;;
	esac
done
case ${EMAIL:-a@b} in
*[!A-Za-z0-9@._+-]* | *@*@* | @* | *@) die "EMAIL is '$EMAIL': give one address" ;;
*@*) ;;
*) die "EMAIL is '$EMAIL': give one address" ;;
esac
case ${IMPORT:-no} in
yes | no) ;;
*) die "IMPORT is '$IMPORT': give yes or no" ;;
esac
known=$(sed -n '/^Parameters:/,/^Conditions:/s/^  \([A-Za-z0-9]*\):$/\1/p' bellhop.yaml)
for parameter in ${PARAMETERS:-}; do
	printf '%s\n' "$known" | grep -qxF "${parameter%%=*}" && [ "$parameter" != "${parameter#*=}" ] ||
		die "'$parameter' in PARAMETERS sets no parameter of bellhop.yaml: give NAME=VALUE"
done
for file in "${SHOPIFY_SECRET_FILE:-}" "${SHOP_SECRETS_FILE:-}" "${KEY_FILE:-}" "${FCM_FILE:-}" \
	"${BELLHOP_BOOTSTRAP:-}"; do
	[ -z "$file" ] || [ -s "$file" ] || die "'$file' is missing or empty; give a whole path"
done
[ -z "${FCM_FILE:-}" ] || grep -q '"private_key"' "$FCM_FILE" ||
	die "FCM_FILE holds no private_key: make a service account's key in the Firebase console"
pair='"[a-z0-9-]+\.myshopify\.com":"[^"\\]+"'
[ -z "${SHOP_SECRETS_FILE:-}" ] || tr -d ' \t\r\n' <"$SHOP_SECRETS_FILE" | grep -Eqx "\\{$pair(,$pair)*\\}" ||
	die "SHOP_SECRETS_FILE is not as it must be: give {\"NAME.myshopify.com\": \"secret\"}, with more shops after commas"
[ -z "${SHOP_SECRETS_FILE:-}" ] || [ "$(wc -c <"$SHOP_SECRETS_FILE")" -le 65536 ] ||
	die "SHOP_SECRETS_FILE has more than the 65,536 bytes that Secrets Manager keeps"
hex='[0-9A-Fa-f]{64}' base64='[A-Za-z0-9+/]{43}='
[ -z "${KEY_FILE:-}" ] || tr -d ' \t\r\n' <"$KEY_FILE" | grep -Eqx "($hex|$base64)(,($hex|$base64))?" ||
	die "KEY_FILE holds no key: give 64 hexadecimal digits or what openssl rand -base64 32 makes, or two with a comma between"
server_settings
[ -n "${BELLHOP_BOOTSTRAP:-}" ] || command -v go >/dev/null 2>&1 ||
	die "Go is missing; install it from https://go.dev/dl/"
sign_in
check_region

status=$(stack_status)
case $status in
CREATE_FAILED | ROLLBACK_COMPLETE | ROLLBACK_FAILED | DELETE_FAILED | IMPORT_ROLLBACK_*)
	die "the stack $stack is $status and can't be updated; run make destroy-aws STACK=$stack, then this again" ;;
UPDATE_ROLLBACK_FAILED)
	die "the stack $stack is $status; run aws cloudformation continue-update-rollback --stack-name $stack," \
		"then this again" ;;
*_IN_PROGRESS) die "the stack $stack is $status; wait until that is over" ;;
esac
deploys=$(bucket_status)
# A deployment that stopped between an import and the functions left a stack without this one.
migrate=
[ -z "$status" ] || migrate=$(resource Migrate)
[ -z "$migrate" ] || parameters=$(ask cloudformation describe-stacks --stack-name "$stack" --output text \
	--query 'Stacks[0].Parameters[].[ParameterKey,ParameterValue]') || die "can't read the stack's parameters: $(refused)"
choose_sizes
begin_from
choose_zones
[ -n "$migrate" ] || check_networks
server_look

# An earlier stack's queues have the names that this one's will have.
orders= dead= bodies=
if [ -z "$status" ]; then
	orders=$(queue_url "$stack-orders")
	dead=$(queue_url "$stack-orders-dead")
fi
if [ -n "$orders$dead" ]; then
	n=0
	for url in $orders $dead; do
		n=$((n + $(messages "$url")))
	done
	[ "${IMPORT:-no}" = yes ] ||
		die "an earlier stack $stack left queues with $n messages; take them in with IMPORT=yes, or give another STACK"
	# Their large bodies are in its bucket, whose name CloudFormation chose.
	bodies=$(ask s3api list-buckets --output text \
		--query "sort_by(Buckets[?starts_with(Name,'$stack-bodies-')],&CreationDate)[-1].Name") ||
		die "can't look for the bucket $stack-bodies-…: $(refused)"
	[ "$bodies" != None ] || bodies=
	# list-buckets may name one that is just being deleted.
	[ -z "$bodies" ] || ask s3api head-bucket --bucket "$bodies" --expected-bucket-owner "$account" >/dev/null ||
		case $(refused) in
		*'(404)'* | *NoSuchBucket*) bodies= ;;
		*) die "can't look at the bucket $bodies, which may hold large bodies of the orders: $(refused)" ;;
		esac
fi

# The definition has to be valid for the type that is deployed.
mode=$(setting Mode)
type=EXPRESS
[ "$mode" != standard ] || type=STANDARD
if [ "$mode" != direct ]; then
	sed "s/\${\([A-Za-z]*\)FunctionArn}/arn:aws:lambda:$region:$account:function:$stack-\1/" statemachine.asl.json \
		>"$work/machine"
	invalid=$(ask stepfunctions validate-state-machine-definition --type "$type" --definition "file://$work/machine" \
		--query '[result,diagnostics[].[location,message]][]' --output text) ||
		die "can't have the state machine checked: $(refused)"
	[ "$invalid" = OK ] || die "the state machine is not valid for $type: $(printf '%s' "$invalid" | tr -s '\n\t' ' ')"
fi

# ---- Build ------------------------------------------------------------------

tell_sizes
say "building the functions"
mkdir -p build
chmod 755 build
if [ -n "${BELLHOP_BOOTSTRAP:-}" ]; then
	cp "$BELLHOP_BOOTSTRAP" build/bootstrap
else
	make -s -C ../.. lambda
fi

# RDS's own authority issues the database's certificate, and no system knows it.
[ -s build/rds.pem ] || curl -fsS -o build/rds.pem https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem ||
	die "RDS's certificates can't be fetched; put global-bundle.pem into deploy/aws/build/rds.pem"
grep -q 'BEGIN CERTIFICATE' build/rds.pem || die "deploy/aws/build/rds.pem holds no certificates; delete it, then run this again"

# The same content makes the same archive, so that an unchanged function stays.
chmod 755 build/bootstrap
chmod 644 build/rds.pem
TZ=UTC touch -t 200001010000 build/bootstrap build/rds.pem
server_build

# ---- Upload -----------------------------------------------------------------

# The command that packages can't name the bucket's owner, so that was looked at before.
if [ -z "$deploys" ]; then
	ask s3 mb "s3://$bucket" >"$work/made" || die "can't make the bucket $bucket: $(refused)"
fi
aws s3api put-public-access-block --bucket "$bucket" --expected-bucket-owner "$account" \
	--public-access-block-configuration \
	BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
cat >"$work/over-tls" <<-END
	{"Version": "2012-10-17", "Statement": [{"Sid": "OverTLSAlone", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
	 "Resource": ["arn:aws:s3:::$bucket", "arn:aws:s3:::$bucket/*"],
	 "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}
END
aws s3api put-bucket-policy --bucket "$bucket" --expected-bucket-owner "$account" --policy "file://$work/over-tls"
# Code doesn't expire by its age: CloudFormation needs the code of the last deployment, however
# old, to roll the next one back. What no deployment needs is removed at the end.
cat >"$work/expiry" <<-END
	{"Rules": [
	 {"ID": "ForgetTemplates", "Status": "Enabled", "Filter": {"Prefix": "templates/"}, "Expiration": {"Days": 7}},
	 {"ID": "ForgetParts", "Status": "Enabled", "Filter": {"Prefix": ""},
	  "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}]}
END
aws s3api put-bucket-lifecycle-configuration --bucket "$bucket" --expected-bucket-owner "$account" \
	--lifecycle-configuration "file://$work/expiry"
aws cloudformation package --template-file bellhop.yaml --s3-bucket "$bucket" --s3-prefix "$stack/code" \
	--output-template-file "$work/packaged.yaml" >/dev/null
server_upload

# ---- Import -----------------------------------------------------------------

# An import can't make anything else, so it comes first, with the names alone: the
# deployment then finds all other settings changed, and puts its own in.
if [ -n "$orders$dead" ]; then
	say "importing what the earlier stack $stack left"
	echo 'Resources:' >"$work/left.yaml"
	separator='['
	# take_in NAME TYPE IDENTIFIER VALUE [PROPERTIES]
	take_in() {
		printf '  %s:\n    Type: %s\n    DeletionPolicy: Retain\n    Properties: { %s }\n' "$1" "$2" "${5:-}" \
			>>"$work/left.yaml"
		printf '%s{"LogicalResourceId":"%s","ResourceType":"%s","ResourceIdentifier":{"%s":"%s"}}' \
			"$separator" "$1" "$2" "$3" "$4" >>"$work/left"
		separator=','
	}
	[ -z "$orders" ] || take_in OrdersQueue AWS::SQS::Queue QueueUrl "$orders" "QueueName: $stack-orders"
	[ -z "$dead" ] || take_in DeadLetters AWS::SQS::Queue QueueUrl "$dead" "QueueName: $stack-orders-dead"
	[ -z "$bodies" ] || take_in Bodies AWS::S3::Bucket BucketName "$bodies"
	echo ']' >>"$work/left"
	begun=$(now) changes=import-$(date +%s)
	aws cloudformation create-change-set --stack-name "$stack" --change-set-name "$changes" --change-set-type IMPORT \
		--template-body "file://$work/left.yaml" --resources-to-import "file://$work/left" \
		--tags "Key=bellhop,Value=$stack" >/dev/null
	aws cloudformation wait change-set-create-complete --stack-name "$stack" --change-set-name "$changes" &&
		aws cloudformation execute-change-set --stack-name "$stack" --change-set-name "$changes" &&
		aws cloudformation wait stack-import-complete --stack-name "$stack" || {
		failures "$begun"
		die "the import failed, and what was left is as it was; to see why:" \
			"aws cloudformation describe-change-set --stack-name $stack --change-set-name $changes"
	}
fi

# ---- Deploy -----------------------------------------------------------------

# invoke PAYLOAD: runs the function migrate. After quiet weeks Lambda detaches a function from
# the network (https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html), and refuses
# calls for up to 90 s while it attaches it again, with the third error while its state is Pending
# (https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html).
invoke() {
	printf '%s' "$1" >"$work/payload"
	tries=1
	until error=$(ask lambda invoke --function-name "$stack-migrate" --payload "fileb://$work/payload" \
		--cli-read-timeout 320 --query FunctionError --output text "$work/answer"); do
		grep -Eq '(ResourceNotReady|ENINotReady|ResourceConflict)Exception' "$work/refused" && [ "$tries" -le 18 ] ||
			die "migrate can't be called: $(refused)"
		[ "$tries" -gt 1 ] || say "waiting until Lambda has attached migrate to the network"
		tries=$((tries + 1))
		sleep 5
	done
	[ "$error" = None ] || die "migrate says: $(cat "$work/answer")"
	say "migrate says: $(cat "$work/answer")"
}

# put_key puts the key in, once, before anything opens the database with it.
key_put=
put_key() {
	[ -n "${KEY_FILE:-}" ] && [ -z "$key_put" ] || return 0
	secret=$(resource KeySecret)
	[ -n "$secret" ] || return 0 # a stack from before it
	tr -d ' \t\r\n' <"$KEY_FILE" >"$work/key"
	aws secretsmanager put-secret-value --secret-id "$secret" --secret-string "file://$work/key" >/dev/null
	key_put=yes
	say "put the key in"
}

# The new schema goes in before the new code: the previous code works with each of
# its changes.
if [ -n "$migrate" ]; then
	say "bringing the database up to date"
	key=$(sed -n 's/^ *S3Key: *//p' "$work/packaged.yaml" | head -n 1)
	[ -n "$key" ] || die "the packaged template names no code"
	aws lambda update-function-code --function-name "$stack-migrate" --s3-bucket "$bucket" --s3-key "$key" >/dev/null
	aws lambda wait function-updated --function-name "$stack-migrate"
	put_key
	invoke '{}'
	if [ -n "$key_put" ]; then # sweep reads it when it starts
		aws lambda update-function-code --function-name "$stack-sweep" --s3-bucket "$bucket" --s3-key "$key" >/dev/null
		aws lambda wait function-updated --function-name "$stack-sweep"
	fi
fi

# deploy NAME=VALUE...
deploy() {
	[ $# -eq 0 ] || set -- --parameter-overrides "$@"
	begun=$(now)
	aws cloudformation deploy --stack-name "$stack" --template-file "$work/packaged.yaml" --s3-bucket "$bucket" \
		--s3-prefix "templates/$stack" --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset \
		--tags "bellhop=$stack" "$@" || {
		failures "$begun"
		die "the deployment failed, for the reasons above; the last is the first that went wrong"
	}
}
protection=true
set --
[ -z "${MODE:-}" ] || set -- "$@" "Mode=$MODE"
[ -z "${EMAIL:-}" ] || set -- "$@" "Email=$EMAIL"
for parameter in ${PARAMETERS:-}; do
	case $parameter in DatabaseProtection=*) protection=${parameter#*=} ;; esac
	set -- "$@" "$parameter"
done
say "deploying the stack $stack to $region; the first time takes about a quarter of an hour"
if [ -z "$migrate" ]; then
	# A new database is protected once all else is there: a deployment that fails before
	# could not be rolled back.
	deploy "$@" DatabaseProtection=false
	[ "$protection" != true ] || deploy DatabaseProtection=true
elif [ -n "$first" ]; then
	deploy "$@"
else
	# shellcheck disable=SC2086 # words
	deploy "$@" $server
fi

set -- # what is kept
for key in $(grep -o "$stack/code/[0-9A-Za-z._-]*" "$work/packaged.yaml" | sort -u); do
	set -- "$@" --exclude "${key##*/}"
done
[ $# -gt 0 ] || die "the packaged template names no code"
aws s3 rm "s3://$bucket/$stack/code/" --recursive --only-show-errors "$@"

output() {
	aws cloudformation describe-stacks --stack-name "$stack" --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue" --output text
}

# ---- Secrets and shops ------------------------------------------------------

if [ -n "${SHOPIFY_SECRET_FILE:-}" ]; then
	tr -d '\r\n' <"$SHOPIFY_SECRET_FILE" >"$work/secret"
	aws secretsmanager put-secret-value --secret-id "$(output ShopifySecret)" --secret-string "file://$work/secret" >/dev/null
	say "put Shopify's secret in"
fi
if [ -n "${FCM_FILE:-}" ]; then
	aws secretsmanager put-secret-value --secret-id "$(output PushSecret)" --secret-string "file://$FCM_FILE" >/dev/null
	say "put FCM's service account in"
fi
put_key
shops=
for shop in ${SHOPS:-}; do
	shops="$shops${shops:+,}\"$shop\""
done
secrets=
[ -z "${SHOP_SECRETS_FILE:-}" ] || secrets=",\"shop_secrets\":$(cat "$SHOP_SECRETS_FILE")"
# An upgrade drops the statistics by which PostgreSQL plans
# (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.PostgreSQL.MajorVersion.Process.html).
analyze=false
[ -z "$migrate" ] || [ "$(setting PostgresVersion)" = "$(stacked PostgresVersion)" ] || analyze=true
invoke "{\"shops\":[$shops],\"analyze\":$analyze$secrets}"

# RDS makes log groups that keep logs for good, unless they are there before it.
if [ "$(setting DatabaseLogs)" = on ]; then
	for kind in postgresql upgrade; do
		group=/aws/rds/instance/$(output DatabaseIdentifier)/$kind
		aws logs create-log-group --log-group-name "$group" 2>/dev/null || true
		ask logs put-retention-policy --log-group-name "$group" --retention-in-days "$(setting LogDays)" ||
			say "warning: the logs $group are kept for good: $(refused)"
	done
fi

# A first server comes last: it needs the tables and the login, and its failure takes nothing else back.
if [ -n "$first" ] && [ -n "$server" ]; then
	say "adding the server; CloudFront takes up to half an hour. If it fails, all else stays, and SERVER=$machine tries again"
	# shellcheck disable=SC2086 # words
	deploy $server
fi

# So a first deployment leaves it that was interrupted.
[ "$(setting DatabaseProtection)" = true ] ||
	say "the database can be deleted by mistake; PARAMETERS=DatabaseProtection=true protects it"
say "done. Shopify sends its webhooks to:"
for address in $(output WebhookURL) $(output EventSource); do
	say "  $address"
done
server_done
if [ -z "$migrate" ]; then
	[ -n "${SHOPIFY_SECRET_FILE:-}" ] || say "next: make deploy-aws STACK=$stack SHOPIFY_SECRET_FILE=/path/to/the/secret"
	[ -n "${FCM_FILE:-}" ] || say "next: make deploy-aws STACK=$stack FCM_FILE=/path/to/service-account.json (or PARAMETERS=Push=log)"
fi
