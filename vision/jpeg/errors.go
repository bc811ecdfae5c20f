package jpeg

// A FormatError reports that the input is not a valid JPEG stream.
type FormatError string

func (e FormatError) Error() string { return "jpeg: broken: " + string(e) }

// An UnsupportedError reports that the input is valid JPEG of a kind that this package
// does not decode.
type UnsupportedError string

func (e UnsupportedError) Error() string { return "jpeg: not supported: " + string(e) }

// A LimitError reports that decoding would exceed a limit. It is returned before the
// memory or the time is spent.
type LimitError string

func (e LimitError) Error() string { return "jpeg: over the limit: " + string(e) }
