package zoo

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// CheckHome checks the cache as Pull does: on Unix its folders must belong to the
// user and not be writable by everyone, else the error is ErrUnsafe. A cache that
// does not exist yet is right.
func CheckHome() error {
	home, err := Home()
	if err != nil {
		return err
	}
	base, err := os.OpenRoot(home)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return cacheError(err)
	}
	defer base.Close()
	if err := checkFolders(base, home); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// checkFolders refuses a cache whose folders are someone else's.
func checkFolders(base *os.Root, home string) error {
	for _, part := range []string{".", "models"} {
		info, err := base.Stat(part)
		if link, lerr := base.Lstat(part); err != nil && lerr == nil && link.Mode()&fs.ModeSymlink != 0 {
			return fmt.Errorf("cache: %s is a link out of the cache; set VISION_HOME to the folder that is meant", filepath.Join(home, part))
		}
		if err != nil {
			return cacheError(err)
		}
		if err := checkOwner(info, filepath.Join(home, part)); err != nil {
			return err
		}
	}
	return nil
}

// Origins returns the places where models are looked for, in order: the mirror's
// folder, and no other place then (folder is true); or the URLs of the mirror and of
// the two hosts that have most of the catalogue.
func Origins() (places []string, folder bool, err error) {
	if mirror := os.Getenv("VISION_ZOO_MIRROR"); mirror != "" {
		found, err := mirrorSources(mirror, blob{})
		if err != nil {
			return nil, false, fmt.Errorf("VISION_ZOO_MIRROR: %w", err)
		}
		if found[0].url == nil {
			return []string{filepath.Clean(found[0].file)}, true, nil
		}
		places = append(places, found[0].String())
	}
	hub := cmp.Or(os.Getenv("HF_ENDPOINT"), huggingFace)
	if _, err := parseAddress(hub); err != nil {
		return places, false, fmt.Errorf("HF_ENDPOINT: %w", err)
	}
	return append(places, strings.TrimSuffix(hub, "/"), "https://media.githubusercontent.com"), false, nil
}
