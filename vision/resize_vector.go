//go:build (amd64 || arm64) && !purego

package vision

// resampleLanes is lanes where there are vectors.
func resampleLanes() int {
	if vectors {
		return lanes
	}
	return 1
}

// sourceRows are rows y … y+n-1, the last of them repeated. last stands for the
// picture's last row: it has room behind it.
func sourceRows(m *Image, last []byte, y, n int) (rows [rowsAtOnce]*byte) {
	for i := range rows {
		at := y + min(i, n-1)
		row := last
		if at < m.Height-1 {
			row = m.Row(at)
		}
		rows[i] = &row[0]
	}
	return rows
}
