package crypto

import (
	"crypto/hmac"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

const purposeRecord = "record"

// sum is the MAC of a record. Its key is the one that never rotates: a name
// stays when keys change, and outlives those that are disabled.
func (m mark) sum(ring *keys.Ring, feature core.FeatureKey) ([]byte, error) {
	b, err := m.record(markVersionMAC)
	if err != nil {
		return nil, err
	}
	sum, err := ring.Version(keys.Scope{Purpose: purposeRecord, Feature: string(feature), Column: m.bound}, b)
	if err != nil {
		return nil, err
	}
	return sum[:macBytes], nil
}

// signed is the record with its MAC.
func (m mark) signed(ring *keys.Ring, feature core.FeatureKey) (mark, error) {
	var err error
	m.mac, err = m.sum(ring, feature)
	return m, err
}

// sign gives a new column's record its MAC, and its companion the name.
func (c *column) sign(ring *keys.Ring, feature core.FeatureKey) (err error) {
	if c.mark, err = c.signed(ring, feature); err == nil {
		c.companion, err = c.mark.companion()
	}
	return err
}

// fits reports whether the rule says what the record says.
func (r *rule) fits(m mark) bool {
	return r.mode == m.mode && r.beacon == m.beacon && r.hideNulls == m.hideNulls() && r.subject == m.subject
}

// trust refuses a record that storage may have changed: one that does not say
// what the rule says, one whose MAC is wrong, and one without a MAC (which
// whoever takes the MAC away leaves) where it would switch off what the rule is
// for: that nulls in a column which was added late are believed.
func (c *column) trust(ring *keys.Ring, feature core.FeatureKey) error {
	r := c.rule
	if r != nil && !r.fits(c.mark) {
		return integrityf("column %q is recorded under another mode than its rule says: either of them was changed, and a feature keeps its modes", c.name())
	}
	if c.mac == nil {
		if r != nil && r.hideNulls && c.late() && !r.unsigned {
			return integrityf("the record of the protected column %q says without a MAC that rows lack it: if that is so, its rule needs UnsignedRecord", c.name())
		}
		return nil
	}
	sum, err := c.sum(ring, feature)
	if err != nil {
		return err
	}
	if !hmac.Equal(sum, c.mac) {
		return integrityf("the record of the protected column %q was changed", c.name())
	}
	return nil
}

// trustAll is trust for every column.
func trustAll(columns []*column, ring *keys.Ring, feature core.FeatureKey) error {
	for _, c := range columns {
		if err := c.trust(ring, feature); err != nil {
			return err
		}
	}
	return nil
}
