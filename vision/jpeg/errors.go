package jpeg

// A FormatError says that the input is not a sound JPEG stream.
type FormatError string

func (e FormatError) Error() string { return "jpeg: broken: " + string(e) }

// An UnsupportedError says that the input is valid JPEG of a kind that this
// package does not decode.
type UnsupportedError string

func (e UnsupportedError) Error() string { return "jpeg: not supported: " + string(e) }

// A LimitError says that decoding would pass a bound set in Options. It is
// returned before the memory or the time is spent.
type LimitError string

func (e LimitError) Error() string { return "jpeg: over the limit: " + string(e) }
