package wire

import "bellhop/identity"

// Identity returns what verifies the tokens of BELLHOP_JWT; nil where that is empty.
func (c *Config) Identity(o Options) (*identity.Verifier, error) {
	if c.JWT == "" {
		return nil, nil
	}
	settings, err := identity.ParseSettings(c.JWT)
	if err != nil {
		return nil, withSetting("BELLHOP_JWT", err)
	}
	return identity.New(settings, identity.Options{Now: o.Now}), nil
}
