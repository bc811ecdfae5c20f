package engine

// physicalMemory is what a program of WebAssembly can address: it does not learn the
// machine's memory.
func physicalMemory() int64 { return 4 << 30 }
