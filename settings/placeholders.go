package settings

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// LoadReal is Load for what is to be deployed, or is: a file with placeholders
// left in it is refused, a line each.
func LoadReal(path string) (*Settings, error) {
	s, err := Load(path)
	if err != nil {
		return nil, err
	}
	var placeholders []error
	for _, placeholder := range s.Placeholders() {
		placeholders = append(placeholders, fmt.Errorf("%s: %s is a placeholder: put in your own", path, placeholder))
	}
	if err := errors.Join(placeholders...); err != nil {
		return nil, err
	}
	return s, nil
}

// Placeholders names the settings whose values are made for examples: with them
// a system can be synthesized, but not deployed.
func (s *Settings) Placeholders() []string {
	var found []string
	note := func(path, value string, placeholder bool) {
		if placeholder {
			found = append(found, path+": "+value)
		}
	}
	note("account", s.Account, s.Account == "111122223333")
	note("domain.name", s.Domain.Name, isReservedDomain(s.Domain.Name))
	note("domain.hostedZoneId", s.Domain.HostedZoneID, s.Domain.HostedZoneID == "Z0123456789EXAMPLE")
	for i, cidr := range s.Bastion.AllowFrom {
		note(index("bastion.allowFrom", i), cidr, s.Bastion.Enabled && isDocumentation(cidr))
	}
	for i, email := range s.Alarms.Emails {
		_, domain, _ := strings.Cut(email, "@")
		note(index("alarms.emails", i), email, isReservedDomain(domain))
	}
	return found
}

// isReservedDomain tells whether nobody can own a domain (RFC 2606).
func isReservedDomain(domain string) bool {
	return slices.ContainsFunc([]string{"example.com", "example.net", "example.org", "example", "test", "invalid", "localhost"},
		func(reserved string) bool { return within(domain, reserved) })
}

// isDocumentation tells whether a block's addresses belong to nobody (RFC 5737).
func isDocumentation(cidr string) bool {
	block, _ := netip.ParsePrefix(cidr)
	return slices.ContainsFunc([]string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"}, func(reserved string) bool {
		return block.Bits() >= 24 && netip.MustParsePrefix(reserved).Overlaps(block)
	})
}
