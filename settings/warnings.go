package settings

import "fmt"

// Warnings are what a deployment goes without, though its settings ask for it.
func (s *Settings) Warnings() []string {
	if s.Database.RotationDays == 0 || s.IsPrimary(s.Database.SecretRegion) {
		return nil
	}
	return []string{fmt.Sprintf("database.rotationDays: the password is not rotated while %s is the primary: only %s can, the region of the secret. "+
		"Come home, or change it by hand (docs/secret-rotation.md)", s.Primary, s.Database.SecretRegion)}
}
