#!/bin/sh
# Writes the settings that a deployment may change: the key of what is sealed in the database, the server's address and,
# where shops can be connected, the app's id and secret. The address and the id are those of sweep: CloudFront gives the
# address once this machine answers, so that the template can't hand it over. A server that runs starts anew with them.
set -eu
umask 077
root=${ROOT:-} # where tests install into
settings=$root/etc/bellhop/app.env
secret() {
	aws secretsmanager get-secret-value --secret-id "$1" --query SecretString --output text
}
key=$(secret "$KEY_SECRET")
of_sweep=$(aws lambda get-function-configuration --function-name "$SETTINGS_OF" --output text \
	--endpoint-url "https://lambda.$AWS_REGION.api.aws" \
	--query 'Environment.Variables.[BELLHOP_URL,BELLHOP_SHOPIFY_CLIENT_ID]')
# shellcheck disable=SC2086 # two words, the second None where there is no app
set -- $of_sweep
app=
[ "$2" = None ] || app=$(secret "$SHOPIFY_SECRET")
{
	echo "BELLHOP_KEY='$key'"
	echo "BELLHOP_URL='$1'"
	[ "$2" = None ] || printf "BELLHOP_SHOPIFY_CLIENT_ID='%s'\nBELLHOP_SHOPIFY_SECRET='%s'\n" "$2" "$app"
} >"$settings.new"
if cmp -s "$settings.new" "$settings"; then
	rm "$settings.new"
	exit
fi
mv "$settings.new" "$settings"
systemctl try-restart --no-block bellhop-serve@8080.service # at the machine's start there is none yet
