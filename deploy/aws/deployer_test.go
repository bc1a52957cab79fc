package aws_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// needs says what CloudFormation calls in a deployer's name to make, change and delete a resource of each type, and
// the ARN of such a resource of the stack STACK; * where it has no name that is known before. It is what the schema of
// the type lists under handlers (https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html),
// less the features that the template does not use.
var needs = map[string]struct{ on, actions string }{
	"AWS::CloudFormation::WaitCondition": {"arn:aws:cloudformation:REGION:ACCOUNT:stack/STACK/1",
		"cloudformation: DescribeStacks"}, // CloudFormation asks itself
	"AWS::CloudFormation::WaitConditionHandle": {"arn:aws:cloudformation:REGION:ACCOUNT:stack/STACK/1",
		"cloudformation: DescribeStacks"},
	"AWS::CloudFront::Distribution": {"*", "cloudfront: CreateDistribution DeleteDistribution GetDistribution " +
		"GetDistributionConfig UpdateDistribution TagResource UntagResource ListTagsForResource"},
	"AWS::CloudFront::VpcOrigin": {"*", "cloudfront: CreateVpcOrigin DeleteVpcOrigin GetVpcOrigin UpdateVpcOrigin " +
		"TagResource UntagResource ListTagsForResource; " +
		"ec2: DescribeInstances DescribeInternetGateways DescribeSubnets DescribeVpcs"},
	"AWS::CloudWatch::Alarm": {"arn:aws:cloudwatch:REGION:ACCOUNT:alarm:STACK-OrdersWait-1",
		"cloudwatch: PutMetricAlarm DeleteAlarms DescribeAlarms TagResource UntagResource ListTagsForResource"},
	"AWS::CloudWatch::Dashboard": {"arn:aws:cloudwatch::ACCOUNT:dashboard/STACK",
		"cloudwatch: PutDashboard GetDashboard DeleteDashboards"},
	"AWS::EC2::EgressOnlyInternetGateway": {"*", "ec2: CreateEgressOnlyInternetGateway DeleteEgressOnlyInternetGateway " +
		"DescribeEgressOnlyInternetGateways DescribeVpcs"},
	"AWS::EC2::Instance": {"*", "ec2: RunInstances TerminateInstances StartInstances StopInstances DescribeInstances " +
		"DescribeSubnets DescribeVolumes ModifyInstanceAttribute ModifyInstanceCreditSpecification ModifyInstancePlacement " +
		"AssociateIamInstanceProfile DisassociateIamInstanceProfile ReplaceIamInstanceProfileAssociation CreateTags " +
		"DeleteTags"},
	"AWS::EC2::InstanceConnectEndpoint": {"*", "ec2: CreateInstanceConnectEndpoint DeleteInstanceConnectEndpoint " +
		"DescribeInstanceConnectEndpoints CreateNetworkInterface CreateTags DeleteTags"},
	"AWS::EC2::InternetGateway": {"*", "ec2: CreateInternetGateway DeleteInternetGateway DescribeInternetGateways " +
		"CreateTags DeleteTags"},
	"AWS::EC2::VPCGatewayAttachment": {"*", "ec2: AttachInternetGateway DetachInternetGateway DescribeInternetGateways"},
	"AWS::EC2::Route":                {"*", "ec2: CreateRoute DeleteRoute ReplaceRoute DescribeRouteTables"},
	"AWS::EC2::RouteTable": {"*", "ec2: CreateRouteTable DeleteRouteTable DescribeRouteTables CreateTags " +
		"DeleteTags"},
	"AWS::EC2::SecurityGroup": {"*", "ec2: CreateSecurityGroup DeleteSecurityGroup DescribeSecurityGroups " +
		"AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress RevokeSecurityGroupIngress " +
		"RevokeSecurityGroupEgress CreateTags DeleteTags"},
	"AWS::EC2::SecurityGroupEgress": {"*", "ec2: AuthorizeSecurityGroupEgress RevokeSecurityGroupEgress " +
		"UpdateSecurityGroupRuleDescriptionsEgress DescribeSecurityGroupRules"},
	"AWS::EC2::SecurityGroupIngress": {"*", "ec2: AuthorizeSecurityGroupIngress RevokeSecurityGroupIngress " +
		"UpdateSecurityGroupRuleDescriptionsIngress DescribeSecurityGroupRules"},
	"AWS::EC2::Subnet": {"*", "ec2: CreateSubnet DeleteSubnet DescribeSubnets DescribeNetworkAcls ModifySubnetAttribute " +
		"AssociateSubnetCidrBlock DisassociateSubnetCidrBlock CreateTags DeleteTags"},
	"AWS::EC2::SubnetRouteTableAssociation": {"*", "ec2: AssociateRouteTable DisassociateRouteTable DescribeRouteTables"},
	"AWS::EC2::VPC": {"*", "ec2: CreateVpc DeleteVpc DescribeVpcs DescribeVpcAttribute ModifyVpcAttribute " +
		"DescribeSecurityGroups DescribeNetworkAcls CreateTags DeleteTags"},
	"AWS::EC2::VPCCidrBlock": {"*", "ec2: AssociateVpcCidrBlock DisassociateVpcCidrBlock DescribeVpcs"},
	"AWS::EC2::VPCEndpoint":  {"*", "ec2: CreateVpcEndpoint ModifyVpcEndpoint DeleteVpcEndpoints DescribeVpcEndpoints"},
	"AWS::Events::Rule": {"arn:aws:events:REGION:ACCOUNT:rule/STACK-EachMinute-1",
		"events: PutRule DeleteRule DescribeRule PutTargets RemoveTargets ListTargetsByRule TagResource UntagResource"},
	"AWS::IAM::ManagedPolicy": {"arn:aws:iam::ACCOUNT:policy/STACK-UseNetwork-1",
		"iam: CreatePolicy DeletePolicy GetPolicy GetPolicyVersion ListPolicyVersions ListEntitiesForPolicy " +
			"CreatePolicyVersion DeletePolicyVersion"},
	"AWS::IAM::Role": {"arn:aws:iam::ACCOUNT:role/STACK-AcceptRole-1",
		"iam: CreateRole DeleteRole GetRole GetRolePolicy PutRolePolicy DeleteRolePolicy AttachRolePolicy " +
			"DetachRolePolicy ListRolePolicies ListAttachedRolePolicies UpdateRole UpdateRoleDescription " +
			"UpdateAssumeRolePolicy TagRole UntagRole PassRole"},
	"AWS::IAM::InstanceProfile": {"arn:aws:iam::ACCOUNT:instance-profile/STACK-ServerProfile-1",
		"iam: CreateInstanceProfile DeleteInstanceProfile GetInstanceProfile AddRoleToInstanceProfile " +
			"RemoveRoleFromInstanceProfile"},
	"AWS::Lambda::EventInvokeConfig": {"arn:aws:lambda:REGION:ACCOUNT:function:STACK-sweep",
		"lambda: PutFunctionEventInvokeConfig GetFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig " +
			"DeleteFunctionEventInvokeConfig"},
	"AWS::Lambda::EventSourceMapping": {"*", "lambda: CreateEventSourceMapping GetEventSourceMapping " +
		"UpdateEventSourceMapping DeleteEventSourceMapping ListTags TagResource UntagResource"},
	"AWS::Lambda::Function": {"arn:aws:lambda:REGION:ACCOUNT:function:STACK-accept",
		"lambda: CreateFunction DeleteFunction GetFunction GetFunctionConfiguration UpdateFunctionCode " +
			"UpdateFunctionConfiguration PutFunctionConcurrency DeleteFunctionConcurrency TagResource UntagResource; " +
			"ec2: DescribeSecurityGroups DescribeSubnets DescribeVpcs"},
	"AWS::Lambda::Permission": {"arn:aws:lambda:REGION:ACCOUNT:function:STACK-accept",
		"lambda: AddPermission RemovePermission GetPolicy"},
	"AWS::Lambda::Url": {"arn:aws:lambda:REGION:ACCOUNT:function:STACK-accept",
		"lambda: CreateFunctionUrlConfig GetFunctionUrlConfig UpdateFunctionUrlConfig DeleteFunctionUrlConfig"},
	"AWS::Logs::LogGroup": {"arn:aws:logs:REGION:ACCOUNT:log-group:/aws/vendedlogs/states/STACK:*",
		"logs: CreateLogGroup DeleteLogGroup DescribeLogGroups PutRetentionPolicy DeleteRetentionPolicy TagResource " +
			"UntagResource ListTagsForResource GetDataProtectionPolicy"},
	"AWS::Logs::MetricFilter": {"arn:aws:logs:REGION:ACCOUNT:log-group:/aws/ec2/STACK-server:*",
		"logs: PutMetricFilter DeleteMetricFilter DescribeMetricFilters"},
	"AWS::Route53::RecordSet": {"*", "route53: ChangeResourceRecordSets ListResourceRecordSets GetChange GetHostedZone"},
	"AWS::RDS::DBInstance": {"arn:aws:rds:REGION:ACCOUNT:db:STACK-database-1",
		"rds: CreateDBInstance DeleteDBInstance DescribeDBInstances ModifyDBInstance RebootDBInstance AddTagsToResource " +
			"RemoveTagsFromResource CreateDBSnapshot RestoreDBInstanceFromDBSnapshot DescribeDBSnapshots DescribeEvents " +
			"DescribeDBEngineVersions DescribeDBParameterGroups; ec2: DescribeAccountAttributes DescribeAvailabilityZones " +
			"DescribeInternetGateways DescribeSecurityGroups DescribeSubnets DescribeVpcAttribute DescribeVpcs; " +
			"kms: CreateGrant DescribeKey"},
	"AWS::RDS::DBParameterGroup": {"arn:aws:rds:REGION:ACCOUNT:pg:STACK-databasesettings-1",
		"rds: CreateDBParameterGroup DeleteDBParameterGroup ModifyDBParameterGroup ResetDBParameterGroup " +
			"DescribeDBParameterGroups DescribeDBParameters ListTagsForResource AddTagsToResource RemoveTagsFromResource"},
	"AWS::RDS::DBSubnetGroup": {"arn:aws:rds:REGION:ACCOUNT:subgrp:STACK-databasesubnets-1",
		"rds: CreateDBSubnetGroup DeleteDBSubnetGroup ModifyDBSubnetGroup DescribeDBSubnetGroups ListTagsForResource " +
			"AddTagsToResource RemoveTagsFromResource"},
	"AWS::S3::Bucket": {"arn:aws:s3:::STACK-bodies-1",
		"s3: CreateBucket DeleteBucket ListBucket GetBucketTagging PutBucketTagging GetBucketAcl " +
			"GetBucketPublicAccessBlock PutBucketPublicAccessBlock GetBucketOwnershipControls PutBucketOwnershipControls " +
			"GetEncryptionConfiguration PutEncryptionConfiguration GetLifecycleConfiguration PutLifecycleConfiguration"},
	"AWS::S3::BucketPolicy": {"arn:aws:s3:::STACK-bodies-1", "s3: GetBucketPolicy PutBucketPolicy DeleteBucketPolicy"},
	"AWS::SNS::Subscription": {"arn:aws:sns:REGION:ACCOUNT:STACK-Alarms-1",
		"sns: Subscribe Unsubscribe GetSubscriptionAttributes SetSubscriptionAttributes ListSubscriptionsByTopic"},
	"AWS::SNS::Topic": {"arn:aws:sns:REGION:ACCOUNT:STACK-Alarms-1",
		"sns: CreateTopic DeleteTopic GetTopicAttributes SetTopicAttributes TagResource UntagResource " +
			"ListTagsForResource"},
	"AWS::SQS::Queue": {"arn:aws:sqs:REGION:ACCOUNT:STACK-orders",
		"sqs: CreateQueue DeleteQueue GetQueueUrl GetQueueAttributes SetQueueAttributes ListQueueTags TagQueue " +
			"UntagQueue"},
	"AWS::SQS::QueuePolicy": {"arn:aws:sqs:REGION:ACCOUNT:STACK-orders", "sqs: GetQueueAttributes SetQueueAttributes"},
	"AWS::SecretsManager::Secret": {"arn:aws:secretsmanager:REGION:ACCOUNT:secret:ShopifySecret-1",
		"secretsmanager: CreateSecret DeleteSecret DescribeSecret UpdateSecret TagResource UntagResource GetSecretValue"},
	"AWS::StepFunctions::StateMachine": {"arn:aws:states:REGION:ACCOUNT:stateMachine:STACK-express",
		"states: CreateStateMachine DeleteStateMachine DescribeStateMachine UpdateStateMachine TagResource UntagResource " +
			"ListTagsForResource"},
}

// grant is a statement of the deployer's policy.
type grant struct {
	Effect           string
	Action, Resource any
}

func deployerMay(t *testing.T) []grant {
	t.Helper()
	document, err := os.ReadFile("ci/deployer-policy.json")
	if err != nil {
		t.Fatal(err)
	}
	var policy struct{ Statement []grant }
	if err := json.Unmarshal(document, &policy); err != nil {
		t.Fatal(err)
	}
	for _, s := range policy.Statement {
		if s.Effect != "Allow" {
			t.Errorf("the policy has a statement that is no grant: %v", s)
		}
	}
	ready := strings.NewReplacer("ACCOUNT", "000000000000", "REGION", "ap-southeast-1", "STACK", strings.Repeat("a", 31))
	size := len(strings.Join(strings.Fields(ready.Replace(string(document))), ""))
	if size > 6144 { // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
		t.Errorf("the policy has %d characters without spaces; IAM takes 6144", size)
	}
	return policy.Statement
}

// matches says whether one of the patterns, with * for anything, fits.
func matches(patterns any, what string) bool {
	return slices.ContainsFunc(list(patterns), func(p any) bool {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(p.(string)), `\*`, ".*")
		return regexp.MustCompile("(?i)^" + pattern + "$").MatchString(what)
	})
}

func allowed(all []grant, action, on string) bool {
	return slices.ContainsFunc(all, func(g grant) bool { return matches(g.Action, action) && matches(g.Resource, on) })
}

func TestTheDeployerMayDeploy(t *testing.T) {
	policy := deployerMay(t)
	for name, r := range readTemplate(t).Resources {
		if needs[r.Type].actions == "" {
			t.Errorf("%s: look up what a deployer needs for %s, and put it into needs and deployer-policy.json", name, r.Type)
		}
	}
	for kind, need := range needs {
		for services := range strings.SplitSeq(need.actions, "; ") {
			service, actions, _ := strings.Cut(services, ": ")
			on := need.on
			if !strings.HasPrefix(on, "arn:aws:"+service+":") {
				on = "*"
			}
			for action := range strings.FieldsSeq(actions) {
				if !allowed(policy, service+":"+action, on) {
					t.Errorf("%s needs %s:%s on %s", kind, service, action, on)
				}
			}
		}
	}
}

// TestTheDeployerMayMakeEachSecret: their names begin with what the template calls them
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/cfn-example_secret.html).
func TestTheDeployerMayMakeEachSecret(t *testing.T) {
	policy := deployerMay(t)
	for name := range readTemplate(t).of("AWS::SecretsManager::Secret") {
		on := "arn:aws:secretsmanager:REGION:ACCOUNT:secret:" + name + "-1"
		if !allowed(policy, "secretsmanager:CreateSecret", on) {
			t.Errorf("nobody may make %s", on)
		}
	}
}

// The scripts' commands whose name is not that of what IAM asks for.
var commandNeeds = map[string]string{
	"cloudformation package":        "s3:PutObject",
	"cloudformation deploy":         "cloudformation:CreateChangeSet",
	"lambda invoke":                 "lambda:InvokeFunction",
	"s3 mb":                         "s3:CreateBucket",
	"s3 rm":                         "s3:DeleteObject",
	"s3api head-bucket":             "s3:ListBucket",
	"s3api list-buckets":            "s3:ListAllMyBuckets",
	"s3api put-public-access-block": "s3:PutBucketPublicAccessBlock",
	"s3api put-bucket-lifecycle-configuration":        "s3:PutLifecycleConfiguration",
	"service-quotas get-service-quota":                "servicequotas:GetServiceQuota",
	"stepfunctions validate-state-machine-definition": "states:ValidateStateMachineDefinition",
}

// TestTheDeployerMayDoWhatTheScriptsDo reads the scripts for their calls of AWS.
func TestTheDeployerMayDoWhatTheScriptsDo(t *testing.T) {
	policy, found := deployerMay(t), 0
	for _, call := range scriptCalls(t) {
		service, operation, _ := strings.Cut(call, " ")
		if service == "configure" || service == "sts" || operation == "wait" {
			continue // it asks nobody, needs no right, or repeats a question
		}
		need, ok := commandNeeds[call]
		if !ok {
			need = strings.TrimSuffix(service, "api") + ":" + camel(operation)
		}
		found++
		if !slices.ContainsFunc(policy, func(g grant) bool { return matches(g.Action, need) }) {
			t.Errorf("aws %s needs %s", call, need)
		}
	}
	if found < 20 {
		t.Errorf("the scripts call AWS in %d ways", found)
	}
}

// callOfAWS finds a call where a command begins; words that tell people what to run stand elsewhere.
var callOfAWS = regexp.MustCompile(`(?:^\s*|\$\(|&& |\|\| |if |! )(?:aws|ask) ([a-z0-9-]+) ([a-z-]+)`)

// scriptCalls lists what the scripts call, each once, as SERVICE OPERATION.
func scriptCalls(t *testing.T) (calls []string) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".sh") || e.Name() == "check.sh" { // an administrator runs that one
			continue
		}
		script, err := os.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(script)) {
			for _, m := range callOfAWS.FindAllStringSubmatch(line, -1) {
				calls = append(calls, m[1]+" "+m[2])
			}
		}
	}
	slices.Sort(calls)
	return slices.Compact(calls)
}

// camel turns describe-db-instances into DescribeDBInstances.
func camel(operation string) string {
	var name strings.Builder
	for word := range strings.SplitSeq(operation, "-") {
		if word == "db" {
			word = "DB"
		}
		first := []rune(word)
		first[0] = unicode.ToUpper(first[0])
		name.WriteString(string(first))
	}
	return name.String()
}
