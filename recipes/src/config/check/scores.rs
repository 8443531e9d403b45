//! What only a teacher in a file of scores asks for.

use super::Checks;
use crate::config::{LayerwiseRun, MissingScores, Model};
use crate::layerwise::TeacherTargets;

impl Checks {
    /// A file of scores is a teacher of texts that are known beforehand, and no more than that.
    pub(super) fn scored_teacher(&mut self, run: &LayerwiseRun) {
        let Model::File(config) = &run.teacher else {
            return;
        };
        self.require(
            !config.file.as_os_str().is_empty(),
            "teacher.file".into(),
            || "expected a file of scores, such as -s teacher.file=scores.jsonl; found none".into(),
        );
        self.require(run.teacher_folder().is_none(), "teacher_run".into(), || {
            "expected an empty text, since `teacher.kind` is \"file\"".into()
        });
        let as_they_are = run.distillation.teacher_targets == TeacherTargets::InSample;
        let key = "distillation.teacher_targets";
        self.require(as_they_are, key.into(), || {
            "expected \"in_sample\", since `teacher.kind` is \"file\": its scores are what they are"
                .into()
        });
        let learns = run.distillation.weights.w3 > 0.0;
        let left_out = config.missing == MissingScores::LeaveOut;
        self.require(learns || !left_out, "distillation.weights.w3".into(), || {
            "expected a number above 0, since `teacher.missing` is \"leave_out\": a text without \
             scores has its label alone to be learnt from"
                .into()
        });
    }

    /// There is nothing to train in a file of scores.
    pub(super) fn is_no_model(&mut self, section: &str) {
        let message = "expected another kind: \"file\" is for the teacher of `task = \"layerwise\"`, \
                       whose scores are there already";
        self.found.push((format!("{section}.kind"), message.into()));
    }
}
