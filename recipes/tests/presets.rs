//! The two presets of `layerwise`, value by value as the specification's tables list them.

use limbeck_recipes::config::{self, Extent, LayerwiseRun, OffOr, Override, Run};
use limbeck_recipes::layerwise::{
    Consistency, ConsistencyGradient, Direction, Feature, FeatureNorm, JointNorm, LayerMap,
    Matching, NamedLayerMap, Projection, Sharpening, StudentEmbeddings, TeacherTargets, Weight,
};

fn run(overrides: &[&str]) -> LayerwiseRun {
    let overrides: Vec<Override> = overrides
        .iter()
        .map(|text| text.parse().expect("key=value"))
        .collect();
    match config::parse("test.toml", "task = \"layerwise\"", &overrides) {
        Ok(Run::Layerwise(run)) => *run,
        other => panic!("{other:?}"),
    }
}

#[test]
fn literal_adds_nothing() {
    let run = run(&["preset=literal"]);
    let options = &run.distillation;
    let weights = options.weights;
    assert_eq!(
        [weights.w2, weights.w3, weights.w4, weights.w6, weights.w8],
        [1.0; 5]
    );
    assert_eq!([weights.w5, weights.w7], [Weight::Fixed(1.0); 2]);
    assert_eq!(options.temperature, 1.0);
    assert_eq!(options.feature_norm, FeatureNorm::None);
    assert!(!run.pairs.drop_identical);
    let consistency = Consistency {
        direction: Direction::OriginalToAugmented,
        gradient: ConsistencyGradient::Both,
        sharpening: Sharpening::Off,
        confidence: OffOr::Off,
        ramp_up: Extent::Steps(0),
    };
    assert_eq!(options.teacher_consistency, consistency);
    assert_eq!(options.student_consistency, consistency);
}

#[test]
fn tuned_stays_within_the_recommended_ranges() {
    let run = run(&[]);
    let options = &run.distillation;
    let weights = options.weights;
    assert_eq!(
        [weights.w2, weights.w3, weights.w4, weights.w6, weights.w8],
        [1.0, 0.5, 1.0, 1.0, 0.5]
    );
    assert_eq!([weights.w5, weights.w7], [Weight::Balanced; 2]);
    assert!((0.1..=0.3).contains(&options.balanced_share));
    assert!((2.0..=4.0).contains(&options.temperature));
    assert_eq!(options.feature_norm, FeatureNorm::L2);
    assert!(run.pairs.drop_identical);
    for consistency in [options.teacher_consistency, options.student_consistency] {
        assert_eq!(consistency.direction, Direction::OriginalToAugmented);
        assert_eq!(consistency.gradient, ConsistencyGradient::AugmentedOnly);
        assert_eq!(consistency.ramp_up, Extent::Share(0.1));
        let sharpening = consistency.sharpening;
        assert_eq!(sharpening.temperature(2), None, "off for two classes");
        assert!((0.4..=0.8).contains(&sharpening.temperature(3).expect("on for three classes")));
        assert!((0.5..=0.8).contains(&consistency.confidence.get().expect("on")));
    }
}

#[test]
fn both_presets_share_the_documents_structure() {
    for preset in ["preset=literal", "preset=tuned"] {
        let run = run(&[preset]);
        let options = &run.distillation;
        assert_eq!(options.layer_map, LayerMap::Named(NamedLayerMap::Uniform));
        assert_eq!(options.projection, Projection::InHead);
        assert_eq!(options.joint_norm, JointNorm::None);
        assert_eq!(options.feature, Feature::Mean);
        assert!(!options.embedding_level);
        assert_eq!(options.student_embeddings, StudentEmbeddings::Random);
        assert_eq!(options.matching, Matching::Pooled);
        assert_eq!(options.teacher_targets, TeacherTargets::InSample);
        assert_eq!(run.student.kernel_sizes, [2, 3, 4, 5]);
        assert!(run.student.channels <= 72);
    }
}

#[test]
fn a_written_value_wins_over_its_preset() {
    let run = run(&[
        "preset=literal",
        "distillation.temperature=3",
        "distillation.weights.w5=0",
    ]);
    assert_eq!(run.distillation.temperature, 3.0);
    assert_eq!(run.distillation.weights.w5, Weight::Fixed(0.0));
    assert_eq!(run.distillation.weights.w7, Weight::Fixed(1.0));
}

#[test]
fn layer_maps_choose_the_layers_of_the_specification() {
    let named = |rule| LayerMap::Named(rule);
    let uniform = named(NamedLayerMap::Uniform);
    assert_eq!(uniform.layers(4, 4), Ok(vec![1, 2, 3, 4]));
    assert_eq!(uniform.layers(4, 6), Ok(vec![2, 3, 5, 6])); // 1.5 and 4.5 round up
    assert_eq!(uniform.layers(3, 4), Ok(vec![1, 3, 4]));
    assert_eq!(named(NamedLayerMap::Last).layers(2, 6), Ok(vec![5, 6]));
    assert_eq!(named(NamedLayerMap::First).layers(2, 6), Ok(vec![1, 2]));
    assert_eq!(
        named(NamedLayerMap::Identity).layers(3, 3),
        Ok(vec![1, 2, 3])
    );
    assert!(named(NamedLayerMap::Identity).layers(3, 4).is_err());
    assert_eq!(LayerMap::List(vec![1, 4]).layers(2, 4), Ok(vec![1, 4]));
    for wrong in [vec![1], vec![4, 1], vec![2, 2], vec![0, 1], vec![1, 5]] {
        assert!(
            LayerMap::List(wrong.clone()).layers(2, 4).is_err(),
            "{wrong:?}"
        );
    }
    // round(k L / K) is strictly increasing whenever K <= L.
    for layers in 1..=24 {
        for blocks in 1..=layers {
            let map = uniform.layers(blocks, layers).expect("K <= L");
            assert!(
                map.windows(2).all(|pair| pair[0] < pair[1]),
                "{blocks} of {layers}: {map:?}"
            );
            assert_eq!(map.last(), Some(&layers));
        }
    }
}
