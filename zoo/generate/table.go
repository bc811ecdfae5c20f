package main

import (
	"fmt"
	"io/fs"
	"strings"
)

// row is one line of a table, by column name; "-" stands for nothing and is "".
type row map[string]string

// table reads a tab-separated file whose first line, after "# ", names the
// columns. A remark in brackets behind a column's name is left out.
func table(facts fs.FS, name string) ([]row, error) {
	data, err := fs.ReadFile(facts, name)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	columns := strings.Split(strings.TrimPrefix(lines[0], "# "), "\t")
	for i := range columns {
		columns[i], _, _ = strings.Cut(columns[i], " (")
	}
	var rows []row
	for i, line := range lines[1:] {
		fields := strings.Split(line, "\t")
		if len(fields) > len(columns) {
			return nil, fmt.Errorf("%s: line %d has %d fields, the head names %d", name, i+2, len(fields), len(columns))
		}
		r := make(row, len(columns))
		for j, f := range fields {
			if f != "-" {
				r[columns[j]] = f
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// byName indexes a table by one of its columns.
func byName(rows []row, column string) map[string]row {
	index := make(map[string]row, len(rows))
	for _, r := range rows {
		index[r[column]] = r
	}
	return index
}

// longestPrefix returns the row whose column is the longest prefix of name.
func longestPrefix(rows []row, column, name string) row {
	var best row
	for _, r := range rows {
		if p := r[column]; strings.HasPrefix(name, p) && len(p) > len(best[column]) {
			best = r
		}
	}
	return best
}
