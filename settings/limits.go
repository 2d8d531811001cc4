package settings

import (
	"regexp"
	"strings"
)

// Regions is the regions of the partition aws, opt-in ones included.
// Source: partitions.json of the AWS SDKs (aws-sdk-go-v2 v1.47.5). Zones of a
// region are its name and a letter; Local and Wavelength Zones, whose names are
// longer, hold neither a load balancer's two zones nor a database.
var Regions = strings.Fields(`
	af-south-1
	ap-east-1 ap-east-2
	ap-northeast-1 ap-northeast-2 ap-northeast-3
	ap-south-1 ap-south-2
	ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7
	ca-central-1 ca-west-1
	eu-central-1 eu-central-2
	eu-north-1
	eu-south-1 eu-south-2
	eu-west-1 eu-west-2 eu-west-3
	il-central-1
	me-central-1 me-south-1
	mx-central-1
	sa-east-1
	us-east-1 us-east-2
	us-west-1 us-west-2`)

// LogRetentionDays is the retention periods offered, in days, out of those that
// CloudWatch Logs knows. The package constructs has the same.
var LogRetentionDays = []int{1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 731}

// InterfaceEndpointServices is the services that a VPC can reach by interface
// endpoint. The package constructs has the same.
var InterfaceEndpointServices = []string{"cloudformation", "ec2messages", "elasticloadbalancing", "logs", "monitoring", "secretsmanager", "ssm", "ssmmessages"}

// The forms of names and the like. Lengths that a form does not bound are
// checked next to it.
var (
	nameForm       = form(words)                                                                   // 20 characters leave room for what is derived; of that, a backup vault has the least, 50.
	accountForm    = form(`[0-9]{12}`)                                                             // IAM User Guide, account identifiers.
	labelForm      = form(label)                                                                   // RFC 1123.
	domainForm     = form(`(` + label + `\.)+[a-z]` + label)                                       // RFC 1123; two labels or more.
	hostedZoneForm = form(`Z[0-9A-Z]{1,31}`)                                                       // Route 53 API, ResourceId.
	pathForm       = form(`/[!-~]{0,254}`)                                                         // Route 53 API, ResourcePath; a load balancer would take 1024.
	serverForm     = form(`[a-z][a-z0-9-]*[0-9][a-z0-9-]*\.(nano|metal(-[0-9]+xl)?|` + size + `)`) // EC2 API, InstanceType.
	armForm        = form(`(a1|[a-z]+[0-9][a-z0-9]*g[a-z0-9-]*)\..*`)                              // EC2 Instance Types, naming conventions.
	databaseForm   = form(`[a-z][a-z0-9]*[0-9][a-z0-9]*\.` + size)                                 // RDS User Guide, DB instance classes.
	versionForm    = form(`8\.4\.[0-9]{1,3}`)
	instanceForm   = form(words)                        // RDS API, DBInstanceIdentifier, which RDS keeps in lower case.
	schemaForm     = form(`[A-Za-z][A-Za-z0-9_]{0,63}`) // RDS API, DBName.
	usernameForm   = form(`[A-Za-z][A-Za-z0-9_]{0,15}`) // RDS API, MasterUsername.
	keyPairForm    = form(`[!-~]([ -~]{0,253}[!-~])?`)  // EC2 API, KeyName.
	variableForm   = form(`[A-Za-z_][A-Za-z0-9_]*`)     // POSIX, Name.
	approverForm   = form(`arn:aws:(iam::[0-9]{12}:(user|role)|sts::[0-9]{12}:assumed-role)/[!-~]{1,600}`)
	tagKeyForm     = form(`[\p{L}\p{Z}\p{N}_.:/=+@-]{1,128}`) // Tagging AWS Resources User Guide.
	tagValueForm   = form(`[\p{L}\p{Z}\p{N}_.:/=+@-]{1,256}`) // Not empty: CloudFormation API, Tag.
)

const (
	words = `[a-z][a-z0-9]*(-[a-z0-9]+)*`
	label = `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`
	size  = `(micro|small|medium|large|xlarge|[1-9][0-9]*xlarge)`
)

// form matches a whole text.
func form(pattern string) *regexp.Regexp { return regexp.MustCompile(`^(` + pattern + `)$`) }

// cronForm is an AWS cron expression: minute, hours, days of the month, months,
// weekdays, years. The minute is one number, since AWS Backup refuses intervals
// below 60 minutes. Source: EventBridge User Guide, cron expressions.
var cronForm = form(`cron\(` + strings.Join([]string{
	`[0-5]?[0-9]`,
	cronList(`([01]?[0-9]|2[0-3])`),
	`(\?|L|LW|` + cronDay + `W|` + cronList(cronDay) + `)`,
	cronList(`(0?[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)`),
	`(\?|L|` + cronWeekday + `(L|#[1-5])|` + cronList(cronWeekday) + `)`,
	cronList(`(19[7-9][0-9]|2[01][0-9][0-9])`),
}, ` `) + `\)`)

const (
	cronDay     = `(0?[1-9]|[12][0-9]|3[01])`
	cronWeekday = `([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)`
)

// cronList is the values, ranges and steps that a field may list.
func cronList(value string) string {
	item := `(\*|` + value + `(-` + value + `)?)(/[0-9]+)?`
	return `(` + item + `(,` + item + `)*)`
}

// isSchedule tells whether a cron expression leaves exactly one of the days open.
func isSchedule(cron string) bool {
	if !cronForm.MatchString(cron) {
		return false
	}
	fields := strings.Fields(cron)
	return (fields[2] == "?") != (fields[4] == "?")
}

// isClearOfDatabase tells whether a schedule keeps to the hours from 5 on. The
// earlier ones are the database's own backup and maintenance windows (in
// stacks), during which, and in the hour before, RDS refuses snapshots.
func isClearOfDatabase(cron string) bool {
	return lateHours.MatchString(strings.Fields(cron)[1])
}

var lateHours = form(strings.ReplaceAll(`H(-H)?(,H(-H)?)*`, `H`, `(0?[5-9]|1[0-9]|2[0-3])`))

// MaxLaunchBytes is what an application's start and environment may take of a
// server's user data, 16 KB, beside the boot script.
const MaxLaunchBytes = 3 << 10

// reservedVariables is the variables that an application cannot be given: bash
// refuses to set them, or needs them to find the start command.
var reservedVariables = []string{"BASHOPTS", "BASH_VERSINFO", "EUID", "PATH", "PPID", "SHELLOPTS", "UID"}

// packageManagers finds a command that would need a package manager, which
// servers do not have.
var packageManagers = regexp.MustCompile(`(^|[;&|(\s])(npm|npx|pnpm|yarn)(\s|$)`)

// reservedTags is the tags that the app sets itself. A user's would take their
// place, and the last one would put every resource into a backup plan.
var reservedTags = []string{"deployment", "stack-role", "backup-plan"}

// reservedWords is what RDS for MySQL accepts neither as schema nor as user: the
// words reserved in MySQL 8.4 (Reference Manual, Keywords and Reserved Words),
// the system schemas, and the users that RDS keeps for itself.
var reservedWords = strings.Fields(`
	accessible add all alter analyze and as asc asensitive before between bigint binary blob both by call
	cascade case change char character check collate column condition constraint continue convert create cross
	cube cume_dist current_date current_time current_timestamp current_user cursor database databases day_hour
	day_microsecond day_minute day_second dec decimal declare default delayed delete dense_rank desc describe
	deterministic distinct distinctrow div double drop dual each else elseif empty enclosed escaped except exists
	exit explain false fetch first_value float float4 float8 for force foreign from fulltext function generated
	get grant group grouping groups having high_priority hour_microsecond hour_minute hour_second if ignore in
	index infile inner inout insensitive insert int int1 int2 int3 int4 int8 integer intersect interval into
	io_after_gtids io_before_gtids is iterate join json_table key keys kill lag last_value lateral lead leading
	leave left like limit linear lines load localtime localtimestamp lock long longblob longtext loop low_priority
	manual match maxvalue mediumblob mediumint mediumtext middleint minute_microsecond minute_second mod modifies
	natural no_write_to_binlog not nth_value ntile null numeric of on optimize optimizer_costs option optionally
	or order out outer outfile over parallel partition percent_rank precision primary procedure purge qualify
	range rank read read_write reads real recursive references regexp release rename repeat replace require
	resignal restrict return revoke right rlike row row_number rows schema schemas second_microsecond select
	sensitive separator set show signal smallint spatial specific sql sql_big_result sql_calc_found_rows
	sql_small_result sqlexception sqlstate sqlwarning ssl starting stored straight_join system table tablesample
	terminated then tinyblob tinyint tinytext to trailing trigger true undo union unique unlock unsigned update
	usage use using utc_date utc_time utc_timestamp values varbinary varchar varcharacter varying virtual when
	where while window with write xor year_month zerofill
	information_schema innodb mysql performance_schema sys tmp
	rdsadmin rdsproxyadmin rdsrepladmin`)
