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
