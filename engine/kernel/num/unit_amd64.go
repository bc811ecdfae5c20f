//go:build amd64 && !purego

package num

import "github.com/visionzoo/vision/engine/kernel/amd64"

// AVX2 holds the kernels of AVX2.
var AVX2 = Unit{
	compare: [relations][kinds]rows{
		Equal: {
			Int8: amd64.NumEqualInt8AVX2, Int16: amd64.NumEqualInt16AVX2, Int32: amd64.NumEqualInt32AVX2, Int64: amd64.NumEqualInt64AVX2,
			Uint8: amd64.NumEqualInt8AVX2, Uint16: amd64.NumEqualInt16AVX2, Uint32: amd64.NumEqualInt32AVX2, Uint64: amd64.NumEqualInt64AVX2,
			Float32: amd64.NumEqualFloat32AVX2, Float64: amd64.NumEqualFloat64AVX2,
		},
		Greater: {
			amd64.NumGreaterInt8AVX2, amd64.NumGreaterInt16AVX2, amd64.NumGreaterInt32AVX2, amd64.NumGreaterInt64AVX2,
			amd64.NumGreaterUint8AVX2, amd64.NumGreaterUint16AVX2, amd64.NumGreaterUint32AVX2, amd64.NumGreaterUint64AVX2,
			amd64.NumGreaterFloat32AVX2, amd64.NumGreaterFloat64AVX2,
		},
		GreaterOrEqual: {
			amd64.NumGreaterOrEqualInt8AVX2, amd64.NumGreaterOrEqualInt16AVX2, amd64.NumGreaterOrEqualInt32AVX2, amd64.NumGreaterOrEqualInt64AVX2,
			amd64.NumGreaterOrEqualUint8AVX2, amd64.NumGreaterOrEqualUint16AVX2, amd64.NumGreaterOrEqualUint32AVX2, amd64.NumGreaterOrEqualUint64AVX2,
			amd64.NumGreaterOrEqualFloat32AVX2, amd64.NumGreaterOrEqualFloat64AVX2,
		},
	},
	join: [pairs][kinds]rows{
		Add: bySize(amd64.NumAddInt8AVX2, amd64.NumAddInt16AVX2, amd64.NumAddInt32AVX2, amd64.NumAddInt64AVX2, amd64.NumAddFloat64AVX2),
		Sub: bySize(amd64.NumSubInt8AVX2, amd64.NumSubInt16AVX2, amd64.NumSubInt32AVX2, amd64.NumSubInt64AVX2, amd64.NumSubFloat64AVX2),
		Mul: bySize(nil, amd64.NumMulInt16AVX2, amd64.NumMulInt32AVX2, amd64.NumMulInt64AVX2, amd64.NumMulFloat64AVX2),
		Div: {Float64: amd64.NumDivFloat64AVX2},
		Min: {
			amd64.NumMinInt8AVX2, amd64.NumMinInt16AVX2, amd64.NumMinInt32AVX2, amd64.NumMinInt64AVX2,
			amd64.NumMinUint8AVX2, amd64.NumMinUint16AVX2, amd64.NumMinUint32AVX2, amd64.NumMinUint64AVX2,
			Float64: amd64.NumMinFloat64AVX2,
		},
		Max: {
			amd64.NumMaxInt8AVX2, amd64.NumMaxInt16AVX2, amd64.NumMaxInt32AVX2, amd64.NumMaxInt64AVX2,
			amd64.NumMaxUint8AVX2, amd64.NumMaxUint16AVX2, amd64.NumMaxUint32AVX2, amd64.NumMaxUint64AVX2,
			Float64: amd64.NumMaxFloat64AVX2,
		},
		And:   bySize(amd64.NumAnd8AVX2, amd64.NumAnd16AVX2, amd64.NumAnd32AVX2, amd64.NumAnd64AVX2, nil),
		Or:    bySize(amd64.NumOr8AVX2, amd64.NumOr16AVX2, amd64.NumOr32AVX2, amd64.NumOr64AVX2, nil),
		Xor:   bySize(amd64.NumXor8AVX2, amd64.NumXor16AVX2, amd64.NumXor32AVX2, amd64.NumXor64AVX2, nil),
		Left:  {Uint32: amd64.NumLeftUint32AVX2, Uint64: amd64.NumLeftUint64AVX2},
		Right: {Uint32: amd64.NumRightUint32AVX2, Uint64: amd64.NumRightUint64AVX2},
	},
	convert: [kinds][kinds]converter{
		Int8:   {Int32: amd64.NumInt8ToInt32AVX2, Uint32: amd64.NumInt8ToInt32AVX2},
		Uint8:  {Int32: amd64.NumUint8ToInt32AVX2, Uint32: amd64.NumUint8ToInt32AVX2},
		Int16:  {Int32: amd64.NumInt16ToInt32AVX2, Uint32: amd64.NumInt16ToInt32AVX2},
		Uint16: {Int32: amd64.NumUint16ToInt32AVX2, Uint32: amd64.NumUint16ToInt32AVX2},
		Int32: {
			Int8: amd64.NumInt32ToInt8AVX2, Uint8: amd64.NumInt32ToInt8AVX2, Int16: amd64.NumInt32ToInt16AVX2, Uint16: amd64.NumInt32ToInt16AVX2,
			Int64: amd64.NumInt32ToInt64AVX2, Uint64: amd64.NumInt32ToInt64AVX2, Float32: amd64.NumInt32ToFloat32AVX2, Float64: amd64.NumInt32ToFloat64AVX2,
		},
		Uint32: {
			Int8: amd64.NumInt32ToInt8AVX2, Uint8: amd64.NumInt32ToInt8AVX2, Int16: amd64.NumInt32ToInt16AVX2, Uint16: amd64.NumInt32ToInt16AVX2,
			Int64: amd64.NumUint32ToInt64AVX2, Uint64: amd64.NumUint32ToInt64AVX2,
		},
		Int64:   {Int32: amd64.NumInt64ToInt32AVX2, Uint32: amd64.NumInt64ToInt32AVX2},
		Uint64:  {Int32: amd64.NumInt64ToInt32AVX2, Uint32: amd64.NumInt64ToInt32AVX2},
		Float32: {Int32: amd64.NumFloat32ToInt32AVX2, Float64: amd64.NumFloat32ToFloat64AVX2},
		Float64: {Float32: amd64.NumFloat64ToFloat32AVX2},
	},
	halve:  [2]converter{amd64.NumFloat32ToFloat16AVX2, amd64.NumFloat32ToBFloat16AVX2},
	choose: [4]chooser{amd64.NumChoose8AVX2, amd64.NumChoose16AVX2, amd64.NumChoose32AVX2, amd64.NumChoose64AVX2},
}

// bySize lists the kernels of a function that is the same for signed and unsigned integers.
func bySize(i8, i16, i32, i64, f64 rows) [kinds]rows {
	return [kinds]rows{i8, i16, i32, i64, i8, i16, i32, i64, nil, f64}
}
