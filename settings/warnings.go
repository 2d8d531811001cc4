package settings

import (
	"fmt"
	"strings"
)

// Warnings are what a deployment goes without, or loses, by its settings.
func (s *Settings) Warnings() (warnings []string) {
	if s.Database.RotationDays != 0 && !s.IsPrimary(s.Database.SecretRegion) {
		warnings = append(warnings, fmt.Sprintf("database.rotationDays: the password is not rotated while %s is the primary: only %s can, the region of the secret. "+
			"Come home, or change it by hand (docs/secret-rotation.md)", s.Primary, s.Database.SecretRegion))
	}
	if !s.Database.DeletionProtection && len(s.Database.Retired) > 0 {
		var names []string
		for _, old := range s.Database.Retired {
			names = append(names, old.Name)
		}
		warnings = append(warnings, fmt.Sprintf("database.deletionProtection: without it, the deploy that takes a retired instance (%s) out of its stack deletes it, "+
			"a writer with a final snapshot, a replica without. Deploy it as true before the swap, to compare what was never replicated (docs/lineage.md)", strings.Join(names, ", ")))
	}
	return warnings
}
