// Package jpeg decodes JPEG pictures to the pixels that libjpeg-turbo gives,
// byte for byte, because networks were trained on those.
//
// What a JPEG stream is, ITU-T Recommendation T.81 says: markers and segments
// in annex B, sequential Huffman coding in annex F, progressive coding in
// annex G. How samples become pixels it leaves open, and there decoders part.
// This package takes libjpeg's documented choices:
//
//   - the accurate integer inverse DCT ("islow"), after Loeffler, Ligtenberg
//     and Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications"
//     (ICASSP 1989), in 13-bit fixed point;
//   - "fancy" chroma upsampling, a triangle filter, where chroma has half the
//     columns, half the rows or both; replication for other ratios;
//   - colour conversion by the equations of JFIF 1.02 in 16-bit fixed point;
//   - where a stream ends early or is damaged, zero bits for what is missing,
//     resynchronisation at restart markers, and smoothing between blocks of a
//     progressive picture whose low frequencies never came.
//
// Read: baseline, extended sequential and progressive Huffman coding with 8
// bits a sample; one, three or four components; every integral ratio of
// sampling factors; restart intervals; 16-bit quantisers; a height given by
// DNL; grey, YCbCr, RGB, CMYK and YCCK.
// Refused as unsupported: arithmetic coding, lossless and hierarchical
// processes, 12 bits a sample, two components, fractional sampling ratios.
//
// The package makes no promise about its API beyond this module.
package jpeg
