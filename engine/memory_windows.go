package engine

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

var globalMemoryStatusEx = windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")

// physicalMemory is the machine's memory in bytes, 0 where unknown.
func physicalMemory() int64 {
	var status struct { // MEMORYSTATUSEX
		length, load uint32
		physical     uint64
		_            [6]uint64 // what is free, and the same of page files and addresses
	}
	status.length = uint32(unsafe.Sizeof(status))
	if ok, _, _ := globalMemoryStatusEx.Call(uintptr(unsafe.Pointer(&status))); ok == 0 {
		return 0
	}
	return int64(status.physical)
}
