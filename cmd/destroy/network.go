package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// network is what is in the stack's VPC but not of the stack: neither the VPC nor
// what it stands on can be deleted with it. Prefix lists are none of this: those
// the security groups name are AWS's own, and stay.
func (d *destruction) network(ctx context.Context, s *stack) ([]string, error) {
	v := &vpc{client: ec2.NewFromConfig(s.cfg), stack: s, own: s.ids("")}
	for _, id := range s.ids("AWS::EC2::VPC") {
		filter := []types.Filter{{Name: aws.String("vpc-id"), Values: []string{id}}}
		for _, find := range []func(context.Context, []types.Filter) error{
			v.instances, v.interfaces, v.securityGroups, v.subnets, v.networkAcls, v.routeTables,
		} {
			if err := find(ctx, filter); err != nil {
				return nil, err
			}
		}
	}
	return v.found, nil
}

// vpc is the search for what a VPC holds beside its stack.
type vpc struct {
	client *ec2.Client
	stack  *stack
	own    []string // Physical ids of the stack's resources.
	found  []string
}

// add notes what isn't the stack's, and what to do about it.
func (v *vpc) add(id, what, remedy string) {
	if !slices.Contains(v.own, id) {
		v.found = append(v.found, fmt.Sprintf("%s (%s) is in the VPC of %s but not of it: %s", id, what, v.stack.name, remedy))
	}
}

func tag(tags []types.Tag, key string) string {
	for _, tag := range tags {
		if aws.ToString(tag.Key) == key {
			return aws.ToString(tag.Value)
		}
	}
	return ""
}

// instances go with the stack or with one of its Auto Scaling groups.
func (v *vpc) instances(ctx context.Context, filter []types.Filter) error {
	filter = append(slices.Clone(filter), types.Filter{Name: aws.String("instance-state-name"), Values: []string{"pending", "running", "stopping", "stopped"}})
	pages := ec2.NewDescribeInstancesPaginator(v.client, &ec2.DescribeInstancesInput{Filters: filter})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, reservation := range page.Reservations {
			for _, instance := range reservation.Instances {
				if !slices.Contains(v.own, tag(instance.Tags, "aws:autoscaling:groupName")) {
					v.add(aws.ToString(instance.InstanceId), "server "+tag(instance.Tags, "Name"), "terminate it")
				}
			}
		}
	}
	return nil
}

// interfaces belong to servers, databases, NAT gateways, load balancers, endpoints
// and functions. Of the first two each has a check of its own; the others' names
// stand in the description.
func (v *vpc) interfaces(ctx context.Context, filter []types.Filter) error {
	pages := ec2.NewDescribeNetworkInterfacesPaginator(v.client, &ec2.DescribeNetworkInterfacesInput{Filters: filter})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, eni := range page.NetworkInterfaces {
			description := aws.ToString(eni.Description)
			balancer := strings.TrimPrefix(description, "ELB ")
			ofStack := slices.ContainsFunc(v.own, func(id string) bool {
				return strings.Contains(description, id) || balancer != description && strings.HasSuffix(id, "loadbalancer/"+balancer)
			})
			onServer := eni.Attachment != nil && aws.ToString(eni.Attachment.InstanceId) != ""
			if !ofStack && !onServer && description != "RDSNetworkInterface" {
				v.add(aws.ToString(eni.NetworkInterfaceId), "network interface, "+description, "delete what uses it; that of a deleted Lambda function goes by itself in some 20 minutes")
			}
		}
	}
	return nil
}

func (v *vpc) securityGroups(ctx context.Context, filter []types.Filter) error {
	pages := ec2.NewDescribeSecurityGroupsPaginator(v.client, &ec2.DescribeSecurityGroupsInput{Filters: filter})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, group := range page.SecurityGroups {
			id, name := aws.ToString(group.GroupId), aws.ToString(group.GroupName)
			if name != "default" {
				v.add(id, "security group "+name, fmt.Sprintf("aws ec2 delete-security-group --region %s --group-id %s", v.stack.region, id))
				continue
			}
			for _, rule := range slices.Concat(group.IpPermissions, group.IpPermissionsEgress) {
				for _, pair := range rule.UserIdGroupPairs {
					if named := aws.ToString(pair.GroupId); named != id && slices.Contains(v.own, named) {
						v.found = append(v.found, fmt.Sprintf("the default security group %s has a rule that names %s of %s: take the rule out", id, named, v.stack.name))
					}
				}
			}
		}
	}
	return nil
}

func (v *vpc) subnets(ctx context.Context, filter []types.Filter) error {
	pages := ec2.NewDescribeSubnetsPaginator(v.client, &ec2.DescribeSubnetsInput{Filters: filter})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, subnet := range page.Subnets {
			id := aws.ToString(subnet.SubnetId)
			v.add(id, "subnet "+aws.ToString(subnet.CidrBlock), fmt.Sprintf("aws ec2 delete-subnet --region %s --subnet-id %s", v.stack.region, id))
		}
	}
	return nil
}

// networkAcls may be left over by a drill that did not end well.
func (v *vpc) networkAcls(ctx context.Context, filter []types.Filter) error {
	pages := ec2.NewDescribeNetworkAclsPaginator(v.client, &ec2.DescribeNetworkAclsInput{Filters: filter})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, acl := range page.NetworkAcls {
			if id := aws.ToString(acl.NetworkAclId); !aws.ToBool(acl.IsDefault) {
				v.add(id, "network ACL", fmt.Sprintf("give its subnets the default one back, then aws ec2 delete-network-acl --region %s --network-acl-id %s", v.stack.region, id))
			}
		}
	}
	return nil
}

func (v *vpc) routeTables(ctx context.Context, filter []types.Filter) error {
	pages := ec2.NewDescribeRouteTablesPaginator(v.client, &ec2.DescribeRouteTablesInput{Filters: filter})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, table := range page.RouteTables {
			main := slices.ContainsFunc(table.Associations, func(a types.RouteTableAssociation) bool { return aws.ToBool(a.Main) })
			if id := aws.ToString(table.RouteTableId); !main {
				v.add(id, "route table", fmt.Sprintf("aws ec2 delete-route-table --region %s --route-table-id %s", v.stack.region, id))
			}
		}
	}
	return nil
}
