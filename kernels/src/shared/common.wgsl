// The number of a workgroup: counts beyond the adapter's limit are folded into y and z.
fn workgroup_index(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return (group.z * groups.y + group.y) * groups.x + group.x;
}
