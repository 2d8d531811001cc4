//go:build boot

package boot

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// The world that servers see is one network namespace, "world": a bridge a
// region, and addresses for all that they talk to. Nothing is forwarded, neither
// between the regions nor to the host: this process listens there and answers.
const (
	metadataAddress = "169.254.169.254"
	awsAddress      = "198.51.100.10" // all of AWS's APIs
	archiveAddress  = "198.51.100.11" // Ubuntu's archive
)

// newNetwork makes the namespace. The mount namespace is this run's own, and so the
// names of network namespaces are, too.
func newNetwork(regions ...*stack) error {
	if err := os.MkdirAll("/run/netns", 0o755); err != nil {
		return err
	}
	commands := []string{
		"mount -t tmpfs none /run/netns",
		"ip netns add world",
		"ip netns exec world sysctl -qw net.ipv4.ip_forward=0",
		"ip -n world link set lo up",
	}
	for _, address := range []string{metadataAddress, awsAddress, archiveAddress} {
		commands = append(commands, "ip -n world addr add "+address+"/32 dev lo")
	}
	for _, s := range regions {
		bridge := "br-" + s.region
		commands = append(commands,
			"ip -n world link add "+bridge+" type bridge",
			"ip -n world addr add "+s.host("", 1)+"/16 dev "+bridge,
			"ip -n world addr add "+s.host("", 2)+"/16 dev "+bridge, // the VPC's name server
			"ip -n world link set "+bridge+" up",
		)
		for _, address := range []string{s.balancer("Web"), s.balancer("Api"), s.edgeAddress()} {
			commands = append(commands, "ip -n world addr add "+address+"/32 dev lo")
		}
	}
	return run(commands...)
}

// addServer makes the network namespace of one server, plugged into its region.
func addServer(s *stack, name, address string) error {
	return run(
		"ip netns add "+name,
		"ip -n "+name+" link set lo up",
		"ip link add eth0 address "+macAddress(address)+" netns "+name+" type veth peer name "+name+" netns world",
		"ip -n world link set "+name+" master br-"+s.region+" up",
		"ip -n "+name+" addr add "+address+"/16 dev eth0",
		"ip -n "+name+" link set eth0 up",
		"ip -n "+name+" route add default via "+s.host("", 1),
	)
}

// macAddress is that of the server with an address.
func macAddress(address string) string {
	ip := net.ParseIP(address).To4()
	return fmt.Sprintf("02:00:%02x:%02x:%02x:%02x", ip[0], ip[1], ip[2], ip[3])
}

// host is the nth address of a CIDR block of the stack; of the VPC's, if none is
// given.
func (s *stack) host(cidr string, n byte) string {
	if cidr == "" {
		_, vpc := s.only("AWS::EC2::VPC")
		cidr = vpc.Properties["CidrBlock"].(string)
	}
	ip, _, err := net.ParseCIDR(cidr)
	if err != nil {
		panic(err)
	}
	ip = ip.To4()
	ip[3] += n
	return ip.String()
}

// balancer is the public address of a tier's load balancer.
func (s *stack) balancer(tier string) string {
	return s.public(map[string]int{"Web": 0, "Api": 1}[tier])
}

// edgeAddress is CloudFront's, as it leads to the region.
func (s *stack) edgeAddress() string { return s.public(2) }

func (s *stack) public(n int) string {
	return fmt.Sprintf("198.51.100.%d", 20+10*s.place+n)
}

// run runs commands of plain words, up to the first that fails.
func run(commands ...string) error {
	for _, command := range commands {
		words := strings.Fields(command)
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command, err, out)
		}
	}
	return nil
}

// inWorld calls f on a thread that is in the world's network namespace: sockets
// that f makes belong there for good.
func inWorld(f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	world, err := os.Open("/run/netns/world")
	if err != nil {
		return err
	}
	defer world.Close()
	if err := unix.Setns(int(world.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	defer func() {
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread() // else the thread ends with its goroutine
		}
	}()
	return f()
}

func listen(address string) (listener net.Listener, err error) {
	err = inWorld(func() error {
		listener, err = net.Listen("tcp", address)
		return err
	})
	return listener, err
}

// dial connects from the world; address has no name in it.
func dial(ctx context.Context, network, address string) (connection net.Conn, err error) {
	err = inWorld(func() error {
		connection, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return connection, err
}
