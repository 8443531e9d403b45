// into = (into +) (g / d) sign(a - b), the gradient of the first of both.

struct Parameters { count: u32, columns: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> dloss: array<f32>;
@group(0) @binding(3) var<storage, read_write> into: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.count {
        return;
    }
    let difference = a[i] - b[i];
    // Of a NaN, sign may be anything.
    let side = select(sign(difference), difference, is_nan(difference));
    var value = dloss[i / p.columns] / f32(p.columns) * side;
    if p.accumulate == 1u {
        value += into[i];
    }
    into[i] = value;
}
