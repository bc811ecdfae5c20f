# The cases that make.py makes; r(shape) is seeded noise.
ML, MS = 'ai.onnx.ml', 'com.microsoft'
rng = np.random.default_rng(7)


def r(*shape, t='float32'):
    return rng.normal(size=shape).astype(t)


X = r(5, 3)
for post in ['NONE', 'SOFTMAX', 'LOGISTIC', 'SOFTMAX_ZERO']:
    case(f'linear_classifier_3_{post.lower()}', 'LinearClassifier', ML, {'X': X}, ['Y', 'Z'], coefficients=r(9).tolist(), intercepts=r(3).tolist(),
         classlabels_ints=[7, 8, 9], post_transform=post)
    case(f'linear_classifier_2_{post.lower()}', 'LinearClassifier', ML, {'X': X}, ['Y', 'Z'], coefficients=r(3).tolist(), intercepts=r(1).tolist(),
         classlabels_strings=['no', 'yes'], post_transform=post)
case('linear_regressor', 'LinearRegressor', ML, {'X': r(4, 3, t='float32')}, ['Y'], coefficients=r(6).tolist(), intercepts=r(2).tolist(), targets=2)
case('svm_regressor_rbf', 'SVMRegressor', ML, {'X': X}, ['Y'], kernel_type='RBF', kernel_params=[0.5, 0., 3.], support_vectors=r(12).tolist(),
     coefficients=r(4).tolist(), rho=[0.3], n_supports=4)
case('svm_regressor_one_class', 'SVMRegressor', ML, {'X': X}, ['Y'], kernel_type='POLY', kernel_params=[0.5, 1., 2.], support_vectors=r(12).tolist(),
     coefficients=r(4).tolist(), rho=[-0.3], n_supports=4, one_class=1)
for post in ['NONE', 'LOGISTIC']:
    for prob in [False, True]:
        for classes, per in [(2, [2, 3]), (3, [2, 1, 2])]:
            duels = classes * (classes - 1) // 2
            extra = dict(prob_a=r(duels).tolist(), prob_b=r(duels).tolist()) if prob else {}
            case(f'svm_classifier_{classes}_{post.lower()}' + ('_prob' if prob else ''), 'SVMClassifier', ML, {'X': X}, ['Y', 'Z'], kernel_type='RBF',
                 kernel_params=[0.5, 0., 3.], support_vectors=r(15).tolist(), coefficients=r(5 * (classes - 1)).tolist(), rho=r(duels).tolist(),
                 vectors_per_class=per, classlabels_ints=[10, 11, 12][:classes], post_transform=post, **extra)
forest = dict(nodes_treeids=[0] * 5 + [1] * 3, nodes_nodeids=[0, 1, 2, 3, 4, 0, 1, 2], nodes_featureids=[0, 1, 0, 0, 0, 2, 0, 0],
              nodes_values=[0.1, -0.2, 0, 0, 0, 0.3, 0, 0], nodes_modes=['BRANCH_LEQ', 'BRANCH_LT', 'LEAF', 'LEAF', 'LEAF', 'BRANCH_GT', 'LEAF', 'LEAF'],
              nodes_truenodeids=[1, 2, 0, 0, 0, 1, 0, 0], nodes_falsenodeids=[4, 3, 0, 0, 0, 2, 0, 0],
              nodes_missing_value_tracks_true=[1, 0, 0, 0, 0, 0, 0, 0])
leaf_trees, leaf_nodes = [0, 0, 0, 1, 1], [2, 3, 4, 1, 2]
Xn = X.copy()
Xn[1, 0] = np.nan
for agg in ['SUM', 'AVERAGE', 'MIN', 'MAX']:
    case(f'tree_regressor_{agg.lower()}', 'TreeEnsembleRegressor', ML, {'X': Xn}, ['Y'], n_targets=2, aggregate_function=agg, base_values=[0.5, -0.5],
         target_treeids=leaf_trees * 2, target_nodeids=leaf_nodes * 2, target_ids=[0] * 5 + [1] * 5, target_weights=r(10).tolist(), **forest)
for post in ['NONE', 'SOFTMAX', 'LOGISTIC', 'SOFTMAX_ZERO']:
    case(f'tree_classifier_3_{post.lower()}', 'TreeEnsembleClassifier', ML, {'X': Xn}, ['Y', 'Z'], post_transform=post, classlabels_int64s=[4, 5, 6],
         class_treeids=leaf_trees, class_nodeids=leaf_nodes, class_ids=[0, 1, 2, 1, 0], class_weights=r(5).tolist(), **forest)
    for sign in [1, -1]:
        w = np.abs(r(5) / 3)
        w[0] *= sign
        case(f'tree_classifier_2_{post.lower()}_' + ('positive' if sign > 0 else 'mixed'), 'TreeEnsembleClassifier', ML, {'X': Xn}, ['Y', 'Z'],
             post_transform=post, classlabels_strings=['no', 'yes'], class_treeids=leaf_trees, class_nodeids=leaf_nodes, class_ids=[0] * 5,
             class_weights=w.tolist(), **forest)
case('tree_classifier_2_both', 'TreeEnsembleClassifier', ML, {'X': Xn}, ['Y', 'Z'], classlabels_int64s=[0, 1], class_treeids=leaf_trees,
     class_nodeids=leaf_nodes, class_ids=[0, 1, 0, 1, 0], class_weights=r(5).tolist(), **forest)
case('feature_vectorizer', 'FeatureVectorizer', ML, {'A': r(2, 3), 'B': r(2, 2)}, ['Y'], inputdimensions=[3, 2])
case('imputer', 'Imputer', ML, {'X': Xn}, ['Y'], imputed_value_floats=[1., 2., 3.], replaced_value_float=float('nan'))
case('imputer_int64', 'Imputer', ML, {'X': np.array([[1, 0, 3], [0, 5, 6]], dtype=np.int64)}, ['Y'], imputed_value_int64s=[9], replaced_value_int64=0)
case('one_hot_encoder', 'OneHotEncoder', ML, {'X': np.array([[1, 5], [3, 2]], dtype=np.int64)}, ['Y'], cats_int64s=[1, 2, 3])
case('one_hot_encoder_strings', 'OneHotEncoder', ML, {'X': np.array(['b', 'z', 'a'], dtype=object)}, ['Y'], cats_strings=['a', 'b'])

# com.microsoft
A = r(2, 4, 8)
vec = lambda: r(8)
case('simplified_layer_norm', 'SimplifiedLayerNormalization', '', {'X': A, 'scale': vec()}, ['Y', 'S'], axis=-1, epsilon=1e-5)
case('skip_layer_norm', 'SkipLayerNormalization', MS, {'X': A, 'skip': r(2, 4, 8), 'gamma': vec(), 'beta': vec(), 'bias': vec()}, ['Y', '', '', 'S'], epsilon=1e-6)
case('skip_layer_norm_plain', 'SkipLayerNormalization', MS, {'X': A, 'skip': r(1, 4, 8), 'gamma': vec()}, ['Y'])
case('skip_simplified_layer_norm', 'SkipSimplifiedLayerNormalization', MS, {'X': A, 'skip': r(2, 4, 8), 'gamma': vec(), 'bias': vec()}, ['Y', '', '', 'S'], epsilon=1e-6)
ids = lambda n, *s: rng.integers(0, n, size=s).astype('int32')
mask = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], dtype='int32')
case('embed_layer_norm', 'EmbedLayerNormalization', MS, {'i': ids(9, 2, 4), 's': ids(2, 2, 4), 'w': r(9, 8), 'p': r(5, 8), 't': r(2, 8), 'g': vec(), 'b': vec(), 'm': mask},
     ['Y', 'M', 'S'])
case('embed_layer_norm_plain', 'EmbedLayerNormalization', MS, {'i': ids(9, 2, 4), 's': None, 'w': r(9, 8), 'p': r(5, 8), 't': None, 'g': vec(), 'b': vec()}, ['Y', 'M'])
case('fused_matmul', 'FusedMatMul', MS, {'A': r(2, 5, 3), 'B': r(2, 4, 5)}, ['Y'], transA=1, transB=1, alpha=0.5)
case('fused_matmul_batch', 'FusedMatMul', MS, {'A': r(3, 2, 5), 'B': r(5, 2, 4)}, ['Y'], transBatchA=1, transBatchB=1)
u8 = lambda *s: rng.integers(0, 256, size=s).astype('uint8')
i8 = lambda *s: rng.integers(-128, 128, size=s).astype('int8')
f = lambda *v: np.array(v if len(v) > 1 else v[0], dtype='float32')
case('matmul_integer_to_float', 'MatMulIntegerToFloat', MS, {'A': u8(3, 5), 'B': i8(5, 4), 'a': f(0.02), 'b': np.abs(r(4)) / 50, 'az': np.uint8(120), 'bz': None, 'bias': r(4)}, ['Y'],
     constants=['B'])
case('dynamic_quantize_matmul', 'DynamicQuantizeMatMul', MS, {'A': r(3, 5), 'B': i8(5, 4), 's': f(0.02), 'z': np.int8(3), 'bias': r(4)}, ['Y'], constants=['B', 's', 'z'])
case('matmul_nbits_4', 'MatMulNBits', MS, {'A': r(2, 3, 40), 'B': u8(6, 2, 16), 's': np.abs(r(12)) / 9, 'z': u8(6), 'g': None, 'bias': r(6)}, ['Y'],
     constants=['B', 's', 'z'], K=40, N=6, bits=4, block_size=32)
case('matmul_nbits_4_middle', 'MatMulNBits', MS, {'A': r(2, 32), 'B': u8(6, 2, 8), 's': np.abs(r(12)) / 9}, ['Y'], constants=['B', 's'], K=32, N=6, bits=4, block_size=16)
case('matmul_nbits_8', 'MatMulNBits', MS, {'A': r(2, 64), 'B': u8(5, 2, 32), 's': np.abs(r(10)) / 99}, ['Y'], constants=['B', 's'], K=64, N=5, bits=8, block_size=32)
case('qlinear_where', 'QLinearWhere', MS, {'c': np.array([True, False, True]), 'X': u8(2, 3), 'xs': f(0.02), 'xz': np.uint8(100), 'Y': u8(2, 3), 'ys': f(0.03), 'yz': np.uint8(90), 'zs': f(0.04),
     'zz': np.uint8(110)}, ['Z'], constants=['xs', 'xz', 'ys', 'yz', 'zs', 'zz'])
for kind, q in [('uint8', u8), ('int8', i8)]:
    z = lambda v: np.array(v, dtype=kind)
    case(f'qlinear_add_{kind}', 'QLinearAdd', MS, {'A': q(2, 3, 4), 'as': f(0.02), 'az': z(10), 'B': q(3, 1), 'bs': f(0.03), 'bz': z(20), 'cs': f(0.05), 'cz': z(5)}, ['C'])
    case(f'qlinear_mul_{kind}', 'QLinearMul', MS, {'A': q(2, 3, 4), 'as': f(0.02), 'az': z(10), 'B': q(3, 1), 'bs': f(0.03), 'bz': z(20), 'cs': f(0.05), 'cz': z(5)}, ['C'])
    case(f'qlinear_sigmoid_{kind}', 'QLinearSigmoid', MS, {'X': q(40), 'xs': f(0.04), 'xz': z(10), 'ys': f(1 / 256), 'yz': z(0)}, ['Y'], constants=['xs', 'xz', 'ys', 'yz'])
    case(f'qlinear_leaky_relu_{kind}', 'QLinearLeakyRelu', MS, {'X': q(40), 'xs': f(0.04), 'xz': z(10), 'ys': f(0.05), 'yz': z(20)}, ['Y'], constants=['xs', 'xz', 'ys', 'yz'], alpha=0.1)
    case(f'qlinear_global_average_pool_{kind}', 'QLinearGlobalAveragePool', MS, {'X': q(1, 3, 4, 5), 'xs': f(0.04), 'xz': z(10), 'ys': f(0.02), 'yz': z(20)}, ['Y'])
    case(f'qlinear_average_pool_{kind}', 'QLinearAveragePool', MS, {'X': q(1, 3, 6, 5), 'xs': f(0.04), 'xz': z(10), 'ys': f(0.03), 'yz': z(20)}, ['Y'], kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1])
    case(f'qlinear_concat_{kind}', 'QLinearConcat', MS, {'ys': f(0.05), 'yz': z(7), 'A': q(2, 3), 'as': f(0.04), 'az': z(10), 'B': q(2, 2), 'bs': f(0.05), 'bz': z(7)}, ['Y'], axis=1,
         constants=['ys', 'yz', 'as', 'az', 'bs', 'bz'])
    case(f'qlinear_softmax_{kind}', 'QLinearSoftmax', MS, {'X': q(3, 6), 'xs': f(0.04), 'xz': z(10), 'ys': f(1 / 256), 'yz': z(0 if kind == 'uint8' else -128)}, ['Y'], axis=-1, opset=13,
         constants=['xs', 'xz', 'ys', 'yz'])
case('gelu', 'Gelu', MS, {'X': A}, ['Y'])
case('quick_gelu', 'QuickGelu', MS, {'X': A}, ['Y'], alpha=1.5)
case('bias_gelu', 'BiasGelu', MS, {'X': A, 'B': vec()}, ['Y'])
case('fast_gelu', 'FastGelu', MS, {'X': A, 'B': vec()}, ['Y'])
case('fused_conv', 'FusedConv', MS, {'X': r(1, 3, 6, 6), 'W': r(4, 3, 3, 3), 'B': r(4), 'Z': r(1, 4, 6, 6)}, ['Y'], pads=[1, 1, 1, 1], activation='LeakyRelu', activation_params=[0.1])
case('fused_gemm', 'FusedGemm', MS, {'A': r(3, 4), 'B': r(4, 5), 'C': r(5)}, ['Y'], activation='Relu', alpha=0.5)
case('grid_sample', 'GridSample', MS, {'X': r(1, 2, 4, 5), 'G': r(1, 3, 3, 2)}, ['Y'], mode='bicubic', padding_mode='reflection')
bias = r(24)
W = r(8, 24)
case('attention', 'Attention', MS, {'X': A, 'W': W, 'B': bias}, ['Y'], num_heads=2)
case('attention_lengths', 'Attention', MS, {'X': A, 'W': W, 'B': bias, 'm': np.array([3, 2], dtype='int32')}, ['Y'], num_heads=2)
case('attention_causal_past', 'Attention', MS, {'X': A, 'W': W, 'B': bias, 'm': None, 'past': r(2, 2, 2, 3, 4)}, ['Y', 'P'], num_heads=2, unidirectional=1)
case('attention_mask_bias', 'Attention', MS, {'X': A, 'W': W, 'B': bias, 'm': mask, 'past': None, 'ab': r(1, 2, 4, 4)}, ['Y'], num_heads=2, scale=0.3)
case('attention_starts', 'Attention', MS, {'X': A, 'W': W, 'B': bias, 'm': np.array([4, 3, 1, 0], dtype='int32')}, ['Y'], num_heads=2)
case('attention_mask_3d', 'Attention', MS, {'X': A, 'W': W, 'B': bias, 'm': ids(2, 2, 4, 4) | np.eye(4, dtype='int32')}, ['Y'], num_heads=2)
case('multi_head_attention', 'MultiHeadAttention', MS, {'Q': A, 'K': r(2, 5, 8), 'V': r(2, 5, 8), 'B': bias}, ['Y'], num_heads=2)
case('multi_head_attention_mask', 'MultiHeadAttention', MS, {'Q': A, 'K': r(2, 4, 8), 'V': r(2, 4, 6), 'B': None, 'm': mask, 'ab': r(1, 2, 4, 4)}, ['Y'], num_heads=2)
case('multi_head_attention_past', 'MultiHeadAttention', MS, {'Q': A, 'K': r(2, 4, 8), 'V': r(2, 4, 8), 'B': None, 'm': None, 'ab': None, 'pk': r(2, 2, 3, 4), 'pv': r(2, 2, 3, 4)},
     ['Y', 'PK', 'PV'], num_heads=2, unidirectional=1)
case('rotary_embedding', 'RotaryEmbedding', MS, {'X': A, 'p': rng.integers(0, 6, size=(2, 4)), 'c': r(6, 2), 's': r(6, 2)}, ['Y'])
case('rotary_embedding_offset', 'RotaryEmbedding', MS, {'X': r(2, 2, 4, 4), 'p': np.array([2]), 'c': r(7, 2), 's': r(7, 2)}, ['Y'], interleaved=1)
# recurrent ones beyond what the standard's cases cover
S, N, I, H = 4, 3, 2, 5
lens = np.array([4, 2, 3], dtype='int32')
for d, name in [(1, 'forward'), (1, 'reverse'), (2, 'bidirectional')]:
    case(f'rnn_{name}', 'RNN', '', {'X': r(S, N, I), 'W': r(d, H, I), 'R': r(d, H, H), 'B': r(d, 2 * H), 'l': lens, 'h': r(d, N, H)}, ['Y', 'Yh'], hidden_size=H, direction=name,
         activations=['LeakyRelu', 'HardSigmoid'][:d], activation_alpha=[0.1, 0.3][:d], activation_beta=[0.4], clip=0.8)
    for reset in [0, 1]:
        case(f'gru_{name}_{reset}', 'GRU', '', {'X': r(S, N, I), 'W': r(d, 3 * H, I), 'R': r(d, 3 * H, H), 'B': r(d, 6 * H), 'l': lens, 'h': r(d, N, H)}, ['Y', 'Yh'], hidden_size=H,
             direction=name, linear_before_reset=reset)
    for coupled in [0, 1]:
        case(f'lstm_{name}_{coupled}', 'LSTM', '', {'X': r(S, N, I), 'W': r(d, 4 * H, I), 'R': r(d, 4 * H, H), 'B': r(d, 8 * H), 'l': lens, 'h': r(d, N, H), 'c': r(d, N, H),
             'P': r(d, 3 * H)}, ['Y', 'Yh', 'Yc'], hidden_size=H, direction=name, input_forget=coupled)
case('dft_17', 'DFT', '', {'X': r(1, 17, 3, 1)}, ['Y'], axis=1)
case('stft_complex', 'STFT', '', {'X': r(2, 30, 1), 's': np.array(5), 'w': r(12)}, ['Y'], onesided=1)
# what optimised files hold besides
case('layer_norm_13', 'LayerNormalization', '', {'X': A, 'scale': vec(), 'B': vec()}, ['Y'], onnx_opset=13, axis=-1, epsilon=1e-5)
case('fused_conv_plain', 'FusedConv', MS, {'X': r(1, 3, 6, 6), 'W': r(4, 3, 3, 3), 'B': None, 'Z': r(1, 4, 4, 4)}, ['Y'])
for act, extra in [('Tanh', {}), ('Sigmoid', {}), ('Clip', dict(activation_params=[-0.5, 1.5])), ('HardSigmoid', dict(activation_params=[0.3, 0.4]))]:
    case(f'fused_conv_{act.lower()}', 'FusedConv', MS, {'X': r(1, 4, 5, 5), 'W': r(4, 2, 3, 3), 'B': r(4)}, ['Y'], constants=['W', 'B'], group=2, activation=act, **extra)
case('quick_gelu_silu', 'QuickGelu', MS, {'X': A}, ['Y'], alpha=1.)
for kind, q in [('uint8', u8), ('int8', i8)]:
    z = lambda v: np.array(v, dtype=kind)
    case(f'qlinear_conv_last_{kind}', 'QLinearConv', MS, {'x': q(2, 5, 4, 4), 'xs': f(0.02), 'xz': z(10), 'w': i8(6, 2, 3, 3), 'ws': np.abs(r(6)) / 50, 'wz': np.zeros(6, 'int8'), 'ys': f(0.3),
         'yz': z(5), 'B': rng.integers(-999, 999, size=6).astype('int32')}, ['y'], constants=['w', 'ws', 'wz', 'B'], channels_last=1, group=2, pads=[1, 0, 1, 1], strides=[2, 1])
    case(f'qlinear_average_pool_last_{kind}', 'QLinearAveragePool', MS, {'X': q(1, 6, 5, 3), 'xs': f(0.04), 'xz': z(10), 'ys': f(0.03), 'yz': z(20)}, ['Y'], kernel_shape=[3, 2], strides=[2, 1],
         pads=[1, 0, 1, 1], channels_last=1)
    case(f'qlinear_global_average_pool_last_{kind}', 'QLinearGlobalAveragePool', MS, {'X': q(1, 4, 5, 3), 'xs': f(0.04), 'xz': z(10), 'ys': f(0.02), 'yz': z(20)}, ['Y'], channels_last=1)
    case(f'nhwc_max_pool_{kind}', 'NhwcMaxPool', MS, {'X': q(2, 6, 5, 3)}, ['Y'], kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1], dilations=[1, 2])


# small networks as the optimiser writes them
def conv8(name, x, y, group=1, shape=(8, 8, 1, 1), **attrs):
    """A QLinearConv with its constants."""
    weights = {f'{name}_w': i8(*shape), f'{name}_ws': np.abs(r(shape[0])) / 50, f'{name}_wz': np.zeros(shape[0], 'int8'), f'{name}_b': rng.integers(-999, 999, size=shape[0]).astype('int32')}
    return weights, ('QLinearConv', [x, 's', 'z', f'{name}_w', f'{name}_ws', f'{name}_wz', 's', 'z', f'{name}_b'], y, dict(group=group, kernel_shape=list(shape[2:]), **attrs))


w1, c1 = conv8('c1', 'xq', 'a', shape=(16, 3, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1])
w2, c2 = conv8('c2', 'b', 'c', group=16, shape=(16, 1, 3, 3), pads=[1, 1, 1, 1])
w3, c3 = conv8('c3', 'c', 'd', shape=(16, 16, 1, 1))
network('optimised_qlinear_all', 'all', {'x': r(1, 3, 12, 12)}, dict(w1, **w2, **w3, s=f(0.05), z=np.uint8(120), gs=f(0.03), gz=np.uint8(100)), 'y',
        ('QuantizeLinear', ['x', 's', 'z'], 'xq', {}), c1, ('MaxPool', ['a'], 'b', dict(kernel_shape=[2, 2], strides=[2, 2])), c2, c3,
        (MS + '.QLinearAdd', ['b', 's', 'z', 'd', 's', 'z', 's', 'z'], 'e', {}), (MS + '.QLinearLeakyRelu', ['e', 's', 'z', 's', 'z'], 'l', dict(alpha=0.1)),
        (MS + '.QLinearConcat', ['s', 'z', 'l', 's', 'z', 'c', 's', 'z'], 'j', dict(axis=1)),
        (MS + '.QLinearGlobalAveragePool', ['j', 's', 'z', 'gs', 'gz'], 'g', {}), ('DequantizeLinear', ['g', 'gs', 'gz'], 'y', {}))
filters = {'w1': r(16, 3, 3, 3) / 4, 'b1': r(16), 'w2': r(16, 1, 3, 3), 'w3': r(32, 16, 1, 1) / 4, 'b3': r(32), 'w4': r(16, 32, 1, 1) / 4, 'w5': r(8, 32, 1, 1) / 4, 'b5': r(8), 'w6': r(32, 16, 3, 3) / 8,
           'bn': np.abs(r(32)) + 1, 'up': np.array([1, 1, 2, 2], 'float32'), 'none': np.array([], 'float32')}
network('optimised_blocks', 'all', {'x': r(2, 3, 12, 12)}, filters, 'y',
        ('Conv', ['x', 'w1', 'b1'], 'a', dict(pads=[1, 1, 1, 1])), ('Relu', ['a'], 'ar', {}), ('Conv', ['ar', 'w2'], 'b', dict(group=16, pads=[1, 1, 1, 1])), ('Clip', ['b'], 'bc', {}),
        ('Add', ['ar', 'bc'], 's', {}), ('Conv', ['s', 'w3', 'b3'], 'c', {}), ('MaxPool', ['c'], 'm', dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])),
        ('Conv', ['m', 'w4'], 'd', {}), ('Resize', ['d', 'none', 'up'], 'u', dict(mode='nearest', coordinate_transformation_mode='asymmetric', nearest_mode='floor')),
        ('Concat', ['u', 'bc'], 'j', dict(axis=1)), ('BatchNormalization', ['j', 'bn', 'b3', 'b3', 'bn'], 'n', {}), ('AveragePool', ['n'], 'p', dict(kernel_shape=[2, 2], strides=[2, 2])),
        ('Conv', ['p', 'w5', 'b5'], 'o', {}), ('Sigmoid', ['o'], 'os', {}), ('Transpose', ['os'], 'y', dict(perm=[0, 2, 3, 1])))
network('optimised_blocks_linear', 'all', {'x': r(1, 16, 5, 6)}, filters, 'y', ('Conv', ['x', 'w6'], 'c', {}),
        ('Resize', ['c', 'none', 'up'], 'u', dict(mode='linear', coordinate_transformation_mode='half_pixel')), ('GlobalMaxPool', ['u'], 'g', {}), ('Conv', ['g', 'w5', 'b5'], 'y', {}))
# what else ONNX Runtime has on a CPU
case('cdist', 'CDist', MS, {'A': r(3, 5), 'B': r(4, 5)}, ['C'], metric='euclidean')
case('cdist_squares', 'CDist', MS, {'A': r(3, 5, t='float64'), 'B': r(4, 5, t='float64')}, ['C'], metric='sqeuclidean')
case('inverse', 'Inverse', MS, {'X': r(2, 4, 4)}, ['Y'])
case('matmul_integer16', 'MatMulInteger16', MS, {'A': rng.integers(-9999, 9999, size=(2, 3)).astype('int16'), 'B': rng.integers(-99, 99, size=(3, 4)).astype('int16')}, ['Y'])
case('dynamic_time_warping', 'DynamicTimeWarping', MS, {'X': r(1, 6, 9)}, ['Y'])
case('ngram_repeat_block', 'NGramRepeatBlock', MS, {'i': rng.integers(0, 3, size=(2, 12)), 's': r(2, 4)}, ['Y'], ngram_size=3)
case('expand_dims', 'ExpandDims', MS, {'X': r(2, 3), 'a': np.array(-1, 'int32')}, ['Y'])
case('gather_nd_contrib', 'GatherND', MS, {'X': r(2, 3, 4), 'i': np.array([[0, 2], [1, 0]])}, ['Y'])
case('pad_contrib', 'Pad', MS, {'X': r(2, 3), 'p': np.array([1, 0, -1, 2]), 'v': f(0.5)}, ['Y'], mode='constant')
case('range_contrib', 'Range', MS, {'a': f(1), 'b': f(5.5)}, ['Y'])
case('trilu_contrib', 'Trilu', MS, {'X': r(2, 4, 4), 'k': np.array(1)}, ['Y'], upper=0)
case('unfold_tensor', 'UnfoldTensor', MS, {'X': r(2, 7, 3)}, ['Y'], dim=1, size=3, step=2)
case('unique_contrib', 'Unique', MS, {'X': f(2, 1, 1, 3, 4, 3)}, ['Y', 'i', 'c'])
boxes = np.array([[0.1, 0.2, 0.8, 0.9], [0.7, 0.6, -0.2, 1.3], [0, 0, 1, 1]], 'float32')
for mode in ['bilinear', 'nearest']:
    case(f'crop_and_resize_{mode}', 'CropAndResize', MS, {'X': r(2, 3, 6, 7), 'b': boxes, 'i': np.array([1, 0, 1], 'int32'), 's': np.array([4, 5], 'int32')}, ['Y'], mode=mode, extrapolation_value=0.5)
case('crop_and_resize_pixel', 'CropAndResize', MS, {'X': r(2, 3, 6, 7), 'b': boxes, 'i': np.array([1, 0, 1], 'int32'), 's': np.array([1, 1], 'int32')}, ['Y'])
case('conv_transpose_dynamic_pads', 'ConvTransposeWithDynamicPads', MS, {'X': r(1, 3, 4, 4), 'W': r(3, 2, 3, 3), 'p': np.array([1, 0, 1, 2]), 'B': r(2)}, ['Y'], strides=[2, 2], output_padding=[1, 0])
case('dynamic_slice', 'DynamicSlice', '', {'X': r(4, 5, 6), 's': np.array([1, -3]), 'e': np.array([3, 99]), 'a': np.array([0, 2])}, ['Y'], onnx_opset=9)
case('fused_conv_hardswish', 'FusedConv', MS, {'X': r(1, 2, 4, 4), 'W': r(3, 2, 3, 3)}, ['Y'], constants=['W'], activation='HardSwish')
# what the standard leaves open
for post in ['SOFTMAX', 'SOFTMAX_ZERO']:
    case(f'svm_classifier_2_{post.lower()}', 'SVMClassifier', ML, {'X': X}, ['Y', 'Z'], kernel_type='RBF', kernel_params=[0.5, 0., 3.], support_vectors=r(15).tolist(),
         coefficients=r(5).tolist(), rho=r(1).tolist(), vectors_per_class=[2, 3], classlabels_ints=[10, 11], post_transform=post)
lens = np.array([4, 0, 3], dtype='int32')
for op, gates in [('RNN', 1), ('GRU', 3), ('LSTM', 4)]:
    state = {'h': r(2, N, H), 'c': r(2, N, H)} if op == 'LSTM' else {'h': r(2, N, H)}
    case(f'{op.lower()}_empty_sequence', op, '', {'X': r(S, N, I), 'W': r(2, gates * H, I), 'R': r(2, gates * H, H), 'B': r(2, 2 * gates * H), 'l': lens, **state},
         ['Y', 'Yh', 'Yc'][:1 + len(state)], hidden_size=H, direction='bidirectional')
case('mean_variance_rank_2', 'MeanVarianceNormalization', '', {'X': r(3, 4)}, ['Y'])
case('mean_variance_rank_3', 'MeanVarianceNormalization', '', {'X': r(3, 2, 4)}, ['Y'])
