package ident

import (
	"encoding/binary"
	"math/bits"
)

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Odd constants without structure, as multiplicative hashes want them.
const (
	prime1 = 0xa0761d6478bd642f
	prime2 = 0xe7037ed1a0b428db
)

// fold multiplies to 128 bits and lays one half over the other.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// hashBytes hashes 16 bytes a step. It is the same in every process, because
// the order of a partitioned answer follows from it; it resists accidents, not
// an adversary, who could at worst make a join slow.
func hashBytes(b []byte) uint64 {
	seed, n := uint64(prime1), uint64(len(b))
	for len(b) > 16 {
		seed = fold(binary.LittleEndian.Uint64(b)^prime2, binary.LittleEndian.Uint64(b[8:])^seed)
		b = b[16:]
	}
	var x, y uint64
	switch {
	case len(b) >= 8:
		x, y = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[len(b)-8:])
	case len(b) >= 4:
		x, y = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[len(b)-4:]))
	case len(b) > 0:
		x = uint64(b[0])<<16 | uint64(b[len(b)/2])<<8 | uint64(b[len(b)-1])
	}
	return fold(prime2^n, fold(x^prime2, y^seed))
}
