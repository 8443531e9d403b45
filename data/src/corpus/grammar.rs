//! How a product is described: sentence patterns and words that say nothing about the class.
//!
//! Wherever alternatives stand in one list they mean the same, so that a text and its second wording
//! may use different ones. `{}` is where a cue goes.

use super::Language;
use super::concepts::Role;

/// The patterns of a language.
pub(super) struct Grammar {
    /// Beginnings: `{}` is the trade name, `#` the praise.
    pub(super) openings: &'static [&'static str],
    /// Groups of words of praise that mean the same.
    pub(super) praise: &'static [&'static [&'static str]],
    /// What the product is for.
    uses: &'static [&'static str],
    /// What it is like.
    traits: &'static [&'static str],
    /// What it is **not** for: cues of another class that a careful reader discounts.
    foreign_uses: &'static [&'static str],
    /// What it is **not** like.
    foreign_traits: &'static [&'static str],
    /// Groups of remarks about packing and service that mean the same.
    pub(super) remarks: &'static [&'static [&'static str]],
    /// Between two clauses.
    pub(super) joint: &'static str,
    /// Syllables of trade names.
    pub(super) syllables: &'static [&'static str],
}

impl Grammar {
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::Chinese => &CHINESE,
        }
    }

    /// The patterns of a clause about a cue, its own or plainly another product's.
    pub(super) fn clauses(&self, role: Role, foreign: bool) -> &'static [&'static str] {
        match (role, foreign) {
            (Role::Use, false) => self.uses,
            (Role::Trait, false) => self.traits,
            (Role::Use, true) => self.foreign_uses,
            (Role::Trait, true) => self.foreign_traits,
        }
    }
}

static ENGLISH: Grammar = Grammar {
    openings: &[
        "{} is a # product",
        "our # grade {}",
        "{} , a # choice",
        "the # article {}",
    ],
    praise: &[
        &["reliable", "dependable"],
        &["new", "recently launched"],
        &["proven", "well established"],
        &["versatile", "many-sided"],
        &["low cost", "cheap"],
        &["premium", "top quality"],
    ],
    uses: &[
        "for {}",
        "made for {}",
        "chosen for {}",
        "of great help in {}",
        "widely used in {}",
    ],
    traits: &[
        "with {}",
        "known for {}",
        "offering {}",
        "valued for {}",
        "it brings {}",
    ],
    foreign_uses: &[
        "not intended for {}",
        "unlike goods for {}",
        "often sold beside articles for {}",
        "please order another line for {}",
    ],
    foreign_traits: &[
        "replaces older goods with {}",
        "do not expect {}",
        "customers who need {} are served elsewhere",
        "without claiming {}",
    ],
    remarks: &[
        &["supplied in 25 kg bags", "packed in sacks of 25 kg"],
        &["available in drums", "delivered by the barrel"],
        &["store in a dry place", "keep away from damp"],
        &["samples on request", "ask us for a trial pack"],
        &["every batch is tested", "each lot comes with a certificate"],
        &["made in our own works", "from local manufacture"],
        &["short delivery time", "shipped within days"],
        &["see the safety data sheet", "mind the hazard notes"],
        &["registered under reach", "all registrations in place"],
        &["shelf life two years", "stable for 24 months in storage"],
    ],
    joint: " , ",
    syllables: &[
        "ro", "ta", "vi", "lu", "ma", "xo", "ne", "di", "pa", "ke", "so", "bri", "cal", "dur",
        "fen", "gol", "mer", "nor", "plex", "tan", "ter", "tol", "vex", "zan",
    ],
};

static CHINESE: Grammar = Grammar {
    openings: &["{}是#产品", "本公司#牌号{}", "{}，一款#产品", "#货品{}"],
    praise: &[
        &["可靠的", "值得信赖的"],
        &["新型", "最新上市的"],
        &["成熟的", "久经考验的"],
        &["多用途的", "适应面广的"],
        &["经济型", "价廉的"],
        &["高档", "优质"],
    ],
    uses: &[
        "用于{}",
        "专供{}",
        "适合{}",
        "在{}中大有帮助",
        "广泛用在{}方面",
    ],
    traits: &[
        "具有{}的特点",
        "以{}著称",
        "做到{}",
        "{}是其长处",
        "可提供{}",
    ],
    foreign_uses: &[
        "并非用于{}",
        "有别于{}类货品",
        "常与{}用品同售",
        "{}请订购其他系列",
    ],
    foreign_traits: &[
        "取代{}的旧品",
        "不要指望{}",
        "需要{}的客户请另选",
        "不宣称{}",
    ],
    remarks: &[
        &["25公斤袋装", "每袋净重25公斤"],
        &["可供桶装", "按桶交货"],
        &["存放于干燥处", "避免受潮"],
        &["备有样品", "可索取试用装"],
        &["每批检验", "随货附合格证"],
        &["本厂自产", "本地制造"],
        &["交货期短", "数日内发货"],
        &["参阅安全说明书", "注意危险提示"],
        &["已完成登记", "注册手续齐全"],
        &["保存期两年", "可贮存24个月"],
    ],
    joint: "，",
    syllables: &[
        "康", "瑞", "达", "美", "宝", "凯", "隆", "兴", "恒", "诺", "维", "泰", "佳", "信", "华",
        "盛", "科", "利", "安", "德",
    ],
};
