// Package jpeg decodes JPEG pictures to the same pixels as libjpeg-turbo, byte for
// byte, because networks were trained on those.
//
//	rgb, err := jpeg.Decode(data, jpeg.Options{}) // rgb.Pix: 3*rgb.Width bytes per row
//
// Package vision uses it, and turns pictures upright as their EXIF orientation says;
// this package leaves them as they are stored.
//
// ITU-T Recommendation T.81 specifies JPEG streams: markers and segments in annex B,
// sequential Huffman coding in annex F, progressive coding in annex G. It leaves open
// how samples become pixels, and decoders differ there. This package follows libjpeg's
// documented choices:
//
//   - the accurate integer inverse DCT ("islow"), after Loeffler, Ligtenberg
//     and Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications"
//     (ICASSP 1989), in 13-bit fixed point;
//   - "fancy" chroma upsampling, a triangle filter, where chroma has half the
//     columns, half the rows or both; replication for other ratios;
//   - colour conversion by the equations of JFIF 1.02 in 16-bit fixed point;
//   - if a stream ends early or is damaged, zero bits for missing ones,
//     resynchronisation at restart markers, and smoothing between blocks of a
//     progressive picture whose low frequencies are missing.
//
// Supported: baseline, extended sequential and progressive Huffman coding with 8 bits
// per sample; one, three or four components; every integral ratio of sampling factors;
// restart intervals; 16-bit quantisation tables; a height given by DNL; grey, YCbCr,
// RGB, CMYK and YCCK.
// Not supported: arithmetic coding, lossless and hierarchical processes, 12 bits per
// sample, two components, fractional sampling ratios.
//
// This package may change without notice.
package jpeg
