package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// readRows reads rows as --json prints them; a file that is not there has none.
func readRows(path string) ([]row, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var rows []row
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var x row
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, len(rows)+1, err)
		}
		rows = append(rows, x)
	}
	return rows, nil
}

func writeRows(path string, rows []row) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(f)
	for _, x := range rows {
		if err := enc.Encode(x); err != nil {
			f.Close()
			return err
		}
	}
	return f.Close()
}

// merge puts rows among older ones. What was measured anew takes the place of all
// that was reported before for the same network, size and number of threads: ratios
// hold within one race.
func merge(old, rows []row) []row {
	var all []row
	reported := map[[5]string]bool{}
	add := func(race [5]string) {
		for _, x := range rows {
			if x.race() == race && !reported[race] {
				all = append(all, x)
			}
		}
		reported[race] = true
	}
	for _, o := range old {
		if slices.ContainsFunc(rows, func(x row) bool { return x.race() == o.race() }) {
			add(o.race())
		} else {
			all = append(all, o)
		}
	}
	for _, x := range rows {
		add(x.race())
	}
	return all
}

// race names what a row was measured in.
func (x row) race() [5]string {
	return [5]string{x.Model, fmt.Sprint(x.Threads), fmt.Sprint(x.Batch), fmt.Sprint(x.Height), fmt.Sprint(x.Width)}
}
