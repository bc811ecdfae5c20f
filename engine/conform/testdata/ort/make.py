"""Makes the cases of this folder: operators whose meaning is ONNX Runtime's, or
whose standard is silent where ONNX Runtime decides, each as a model of one node
with seeded inputs and the outputs that ONNX Runtime 1.30.0 gives; and small
networks as its optimiser writes them, with the outputs that they had before.

    python3 make.py /path/to/node_modules/onnxruntime-node [case…]

onnx 1.12, numpy.
"""
import json, os, shutil, subprocess, sys
import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

here = os.path.dirname(os.path.abspath(__file__))
binding, only = sys.argv[1], sys.argv[2:]
types = {np.dtype('float32'): 'float32', np.dtype('float64'): 'float64', np.dtype('int64'): 'int64', np.dtype('int32'): 'int32',
         np.dtype('uint8'): 'uint8', np.dtype('int8'): 'int8', np.dtype('float16'): 'float16', np.dtype('bool'): 'bool', np.dtype('int16'): 'int16'}
count = 0


def save_case(name, graph, imports, feeds, *level):
    """Writes the case of a graph; level: that of the optimiser, none to leave the graph as it is."""
    global count
    out = os.path.join(here, name)
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(os.path.join(out, 'test_data_set_0'))
    onnx.save(h.make_model(graph, opset_imports=imports, ir_version=8, producer_name='vision'), os.path.join(out, 'model.onnx'))
    def plain(v):
        if v.dtype == np.float16: v = v.view(np.uint16)
        return ["NaN" if x != x else str(x) if v.dtype == np.int64 else x for x in v.ravel().tolist()]
    json.dump([{'name': k, 'type': 'string' if v.dtype.kind in 'OU' else types[v.dtype], 'dims': list(v.shape), 'data': plain(v)} for k, v in feeds],
              open(os.path.join(out, 'feeds.json'), 'w'))
    run = subprocess.run(['node', os.path.join(here, 'run.js'), binding, out, *level], capture_output=True, text=True)
    if run.returncode:
        print('REFUSED', name, run.stderr.strip()[:300])
        shutil.rmtree(out)
        return
    data = os.path.join(out, 'test_data_set_0')
    def save(kind, i, array, name):
        t = nh.from_array(array, name)
        open(os.path.join(data, f'{kind}_{i}.pb'), 'wb').write(t.SerializeToString())
    for i, (k, v) in enumerate(feeds):
        save('input', i, v.astype(object) if v.dtype.kind == 'U' else v, k)
    for i, o in enumerate(json.load(open(os.path.join(out, 'outputs.json')))):
        if o['type'] == 'string':
            v = np.array(o['data'], dtype=object).reshape(o['dims'])
        elif o['type'] == 'float16':
            v = np.array(o['data'], dtype=np.uint16).view(np.float16).reshape(o['dims'])
        else:
            v = np.array([int(x) if isinstance(x, str) and x != 'NaN' else float('nan') if x == 'NaN' else x for x in o['data']], dtype=o['type']).reshape(o['dims'])
        save('output', i, v, o['name'])
    os.remove(os.path.join(out, 'feeds.json'))
    os.remove(os.path.join(out, 'outputs.json'))
    count += 1


def network(name, level, feeds, constants, output, *nodes):
    """nodes: (op, inputs, output, attributes) of the default domain, or of com.microsoft where the operator's name begins with it."""
    if only and name not in only:
        return
    kind = lambda v: onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[v.dtype]
    made = [h.make_node(op.split('.')[-1], ins, [out], domain=op.rpartition('.')[0], **attrs) for op, ins, out, attrs in nodes]
    graph = h.make_graph(made, name, [h.make_tensor_value_info(k, kind(v), v.shape) for k, v in feeds.items()], [onnx.ValueInfoProto(name=output)],
                         [nh.from_array(np.asarray(v), k) for k, v in constants.items()])
    save_case(name, graph, [h.make_opsetid('', 13), h.make_opsetid('com.microsoft', 1)], list(feeds.items()), level)


def case(name, op, domain, inputs, outputs, constants=(), onnx_opset=17, version=1, **attrs):
    """inputs: name -> array, None where left out; constants: which of them are initializers."""
    if only and name not in only:
        return
    node = h.make_node(op, [k if v is not None else '' for k, v in inputs.items()], outputs, domain=domain, **attrs)
    given = {k: np.asarray(v) for k, v in inputs.items() if v is not None}
    kind = lambda v: T.STRING if v.dtype.kind in 'OU' else onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[v.dtype]
    graph = h.make_graph([node], name, [h.make_tensor_value_info(k, kind(v), v.shape) for k, v in given.items() if k not in constants],
                         [h.ValueInfoProto(name=k) if hasattr(h, 'ValueInfoProto') else onnx.ValueInfoProto(name=k) for k in outputs if k],
                         [nh.from_array(given[k], k) for k in constants])
    imports = [h.make_opsetid('', onnx_opset)] + ([h.make_opsetid(domain, version)] if domain else [])
    save_case(name, graph, imports, [(k, v) for k, v in given.items() if k not in constants])


exec(open(os.path.join(here, 'cases.py')).read())
print(count, 'cases')
