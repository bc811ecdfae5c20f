package zoo

// openConfig is what the options say of opening a model.
type openConfig struct{}
