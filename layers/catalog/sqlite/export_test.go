package sqlite

// Step has f told of each step of a change, for tests that end the process there.
func Step(f func(string)) Option { return func(o *options) { o.Step = f } }
