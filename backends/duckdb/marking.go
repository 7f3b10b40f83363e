package duckdb

// marking says when markers are made and used. All numbers are of rows.
type marking struct {
	least   int64 // below so many in all tables together a full resolve costs too little to bother
	mark    int64 // one in so many may be outstanding when a marker is made
	most    int64 // and never more than these
	use     int64 // one in so many may be a candidate when a marker is used
	refresh int64 // a marker is made anew when one in so many came since the last
}

// defaultMarking was found by measurement: docs/decisions/0018.
func defaultMarking() marking {
	return marking{least: 200_000, mark: 100, most: 1 << 17, use: 16, refresh: 400}
}
