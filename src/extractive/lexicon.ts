import { remembering } from "./words.ts";

/**
 * Closed classes of words, by what they do in a sentence, in the languages notes are mostly written in. Everything else
 * a statement is judged by knows no language.
 */
const CLASSES = {
  /** Gives a cause or a purpose. */
  reason:
    /\b(?:because|since|so that|so (?:we|it|the|you)|otherwise|unless|therefore|thus|hence|due to|caused? by|which means|in order to|to avoid|(?:that'?s|this is) why|rather than|instead of|weil|damit|sonst|deshalb|daher|denn|wegen|statt|parce qu|car|sinon|donc|afin|à cause|au lieu de|porque|sino|para que|por eso|debido|en vez de|perché|altrimenti|quindi|pois|senão|потому|иначе|чтобы)\b|ため|ので|から(?:です|、|。)|そうしないと|さもないと|因为|所以|否则|以免|由于|때문|그래서/iu,
  /** Holds beyond the moment. */
  lasting:
    /\b(?:always|never|every ?(?:time|where)|each (?:time|session)|whenever|by default|any time|from now on|in general|prefer\w*|convention|rule|policy|must(?:n['’]t)?|standing|immer|niemals?|nie|stets|grundsätzlich|bevorzug\w*|lieber|jedes mal|toujours|jamais|systématiquement|préfér\w*|siempre|nunca|jamás|prefier\w*|prefiero|sempre|mai|preferisc\w*|всегда|никогда)\b|必ず|常に|いつも|絶対|好む|总是|永远|必须|绝不|偏好|喜欢|항상|절대/iu,
  /** Asks for or forbids something. */
  demand:
    /^\W*(?:no|keine?\w*|pas de|sin|nada de)\s(?!man\b|idea|way|worries|need\b)|\b(?:should(?:n['’]t)?|must|need(?:s|ed)? to|has to|have to|required?|make sure|ensure|do(?:n['’]t| not)|never|no need|stop|avoid|want|wants|is not a goal|soll(?:en|te)?|muss|müssen|dürfen?|darf|bitte|kein\w*|nicht|doit|doivent|faut|ne pas|jamais|merci de|debe\w*|hay que|tiene que|por favor|no hagas|devono?|bisogna|deve|precisa|нужно|нельзя|должен)\b|ください|べき|必要|ない(?:で|こと|。)|禁止|请|必须|不要|不得|应该|需要|해야|하지 마/iu,
  /** Says what is the case. */
  state:
    /\b(?:is|are|isn['’]t|aren['’]t|was|uses?|needs?|goes through|deploys?|points? to|belongs?|requires?|lives?|listens?|defaults? to|means|depends|returns?|expects?|supports?|runs?|reads?|writes?|keeps?|stores?|contains?|takes|works?|watches|handles?|comes from|happens|gets?|goes|can(?:not|['’]t)?|cannot|won['’]t|does(?:n['’]t| not)|ist|sind|liegt|liegen|läuft|lauscht|nutzt|braucht|liest|baut|beträgt|est|sont|se trouve|utilise|écoute|lit|démarre|es|son|está|usa|escucha|lee|arranca|necesita|è|sono|usa|é|são|является)\b|です|だ。|である|にある|する。|ます。|る。|是|在|为|位于|使用|监听|읽|입니다|있다/iu,
  /** Begins with what was done, or says that it was done. */
  report:
    /^(?:\W*(?:successfully |also |now |just |then |all )?(?:added|adds|removed|removes|deleted|deletes|renamed|moved|updated|changed|fixed|created|replaced|refactored|implemented|migrated|extracted|introduced|upgraded|bumped|reverted|cleaned|converted|simplified|switched|wired|applied|committed|pushed|ran|verified|tested|dropped|consolidated|rebuilt|documented|restructured|expanded|eliminated|hoisted|collapsed|tracked|kept|guarded|reordered|rewrote|took|made|polished|prefixed|stripped|lost|re-?rendered|re-?ran|looked|checked|read|merged|resolved|addressed|completed?|finished)\b)|^\W*(?:i|we)(?:['’]ve| have)? (?:also |now |just |then |already )*\p{L}+(?:ed|t|de|ew|ote|an|ook)\b|^[^,;]{0,80}\b(?:has|have) been (?:\p{L}+ly )?\p{L}+ed\b[^,;]*$|\b(?:is|are) (?:already |now |fully )+(?:resolved|fixed|done|polished|complete|clean)\b|^(?:ich|wir) hab(?:e|en)\b|\bwurden? (?:\S+ ){0,6}(?:ge\p{L}+(?:t|en)|\p{L}+(?:iert|ergänzt|angepasst|entfernt|hinzugefügt))|\bist (?:gepusht|fertig|erledigt|grün)|^(?:j['’]ai|nous avons|on a)\s|\b(?:a|ont) été \p{L}+é|^(?:he|hemos) \p{L}+[ai]do\b|^se (?:añadi|cambi|elimin|actualiz|cre|movi)\p{L}*\s|\b(?:ho|abbiamo) \p{L}+(?:ato|ito|uto)\b|(?:しました|ました|済み)[。.]?(?:\s|$)|^(?:我|已经?)(?!\p{L}*(?:希望|喜欢|想|要|不)).{0,40}了|^已|^(?:我修改|我添加|我更新|我检查)|했습니다/iu,
  /** Tells what comes next, offers help, comments or greets. */
  talk: /^\W*(?:let me|let['’]?s|i['’]ll|i will|i['’]m |i am |i can|i['’]d|going to|next|here['’]?s|here (?:is|are)|below|the following|summary|done|good|great|perfect|nice|ok(?:ay)?|sure|yes|yep|yup|no,|thanks?|understood|got it|all (?:good|done|set|clean|green|tests|\d+|\w+ (?:tests|packages) pass)|everything|want me|would you|shall i|should i|what (?:changed|i|was)|verification|verified|validation|sign-?off|verdict|net|recommended|chunk \d|phase \d|changes? made|key changes|updated?[.:]|build (?:passes|clean|succeeded)|tests? (?:pass|added)|full |fertig|zusammenfassung|ich (?:schaue|werde|prüfe)|soll ich|alle \d* ?tests|terminé|je vais|les \d+ tests|voulez|veux-tu|résumé|listo|voy a|las \d+ pruebas|¿quieres|resumen|fatto|pronto|完了|次に|これから|それでは|[\d一二三四五六七八九十]+\s?[件个個].{0,8}(?:テスト|测试)|了解|完成了?|接下来|现在我|好的|需要我|让我)/iu,
  /** Points at the moment or the conversation. */
  moment:
    /\b(?:now|today|currently|just|already|this (?:commit|change|pr|session|one|time|turn|week)|that one|these ones|next step|above|below|as (?:requested|agreed|discussed|planned)|phase \d|step \d|chunk \d|option \w\b|observations?|obs|findings?|mi[ip] #?\d|pr|review(?:er)?|plan|jetzt|gerade|heute|diese\w* commit|maintenant|aujourd'hui|ahora|hoy)\b|今|現在は|现在|刚刚/iu,
  /** The one who writes. */
  self: /\b(?:i|i['’](?:m|ve|ll|d)|my|me|ich|mein\w*|mir|je|j['’]|mon|ma|yo|mi|io|mio)\b|私|僕|我(?!们)|저는/iu,
  /** The one who is spoken to. */
  you: /\b(?:you|your|you['’](?:re|ve|ll|d)|du|dein\w*|dir|sie|ihr|tu|ton|vous|votre|tú|usted|tu)\b|あなた|你|您/iu,
  /** Denies or corrects what came before. */
  correction:
    /^\W*(?:no\b|nope|don['’]t|do not|not |stop|wait|that['’]?s (?:not|wrong)|this is (?:not|wrong)|why (?:did|would|are) you|nein|nicht|non\b|ne |no,|違|いや|不对|不是|别)/iu,
  /** Says under which circumstances. */
  condition:
    /\b(?:if|when(?:ever)?|while|until|before|after|once|only|without|unless|whether|regardless|even|both|every|any|each|already|still|wenn|falls|bevor|nachdem|solange|nur|ohne|erst|si|quand|avant|après|tant que|seulement|sans|cuando|antes|después|hasta|solo|sin|se|quando|prima|dopo|fino)\b|とき|場合|前に|後に|だけ|まで|如果|时|之前|之后|只|才|直到/iu,
  /** Denies something. */
  denial:
    /\b(?:not|no longer|never|cannot|none|nothing|without|neither|nor)\b|n['’]t\b|\b(?:nicht|kein\w*|nie|ne \S+ (?:pas|plus)|jamais|no|ya no|nunca|non)\b|ない|ません|不|没/iu,
  /** An order to look, to explain or to do one thing. */
  errand:
    /^\W*(?:(?:now|ok|k|so|yes|yep|yup|and|also|then|next|first one|please|just|sure|bitte|por favor)[,.…\s]+)*(?:find|show|search|look|explain|propose|investigate|check|explore|tell|discuss|review|read|try|write|add|remove|rename|move|update|fix|address|implement|clean|take a|give|provide|list|compare|re-?run|run|do|make|put|drop|proceed|continue|let['’]?s|let us|what|where|how|why|which|who|is|are|does|did|can|could|would|will|so then|was|were|finde|zeig|such|schau|erklär|warum|wie|was|wo|cherche|montre|explique|pourquoi|comment|qué|cómo|por qué|busca|muestra|explica)\b/iu,
  /** A report behind a heading or a file name. */
  reportAfter:
    /(?:[:：]|\s[—–-])\s(?:\p{L}+ )?(?:added|removed|deleted|renamed|moved|updated|changed|fixed|created|replaced|refactored|implemented|migrated|extracted|switched|now|dropped|extended|restructured|expanded|hoisted|rewrote|guarded|discussed|no change|passes)\b/iu,
  /** Speaks of checking or delivering the work rather than of what was built. */
  process:
    /\b(?:tests?|tested|test cases?|lint\w*|builds?|compiles?|pass(?:es|ed|ing)?|green|clean|ci|commit(?:s|ted)?|merged?|branch|diff|refactor\w*|rename\w*|typecheck|coverage|doc comment|table|section|lines? of|kompil\w*|tests? laufen|compilation|pruebas|compilación)\b|テスト|ビルド|测试|构建|编译/iu,
  /** Begins with a word that stands for something said before. */
  anaphora:
    /^\W*(?:it|its|this|that|these|those|they|he|she|both|which|same|one|another|and|but|so|or|then|also|das|dies\w*|es|sie|cela|ceci|il|elle|eso|esto|それ|これ|这|那|它)\b/iu,
  /** Speaks of how the change is delivered: commits, branches, reviews. */
  delivery:
    /\b(?:prs?|pull requests?|merge(?:s|d|able)?|rebase\w*|branch(?:es)?|forks?|commits?|committed|push(?:ed)?|checkout|worktree|conflicts?|cherry-?pick\w*|(?=[a-f\d]*\d)(?=[a-f\d]*[a-f])[a-f\d]{7,40})\b|提交|合并|分支|コミット|ブランチ|マージ/iu,
  /** Joins a statement to what follows from it or lies behind it. */
  explains:
    /\b(?:so|because|since|otherwise|which|means?|weil|damit|sodass|sonst|denn|weshalb|wodurch|parce qu|car|donc|sinon|ce qui|afin|porque|sino|así que|por lo que|lo que|de modo que|perché|quindi|altrimenti|il che|потому|поэтому|иначе|что)\b|ため|ので|から、|つまり|そうしないと|さもないと|因为|所以|否则|因此|意味着|때문|그래서/iu,
  /** Mood and fillers of speech. */
  mood: /\b(?:h+m+|uh+|man|dude|buddy|wtf|wth|lol|whoa|yeah|yep|yup|k|ok|mm+k|cool|sure|come on|no\?|yes\?|presumably|maybe|i guess|i think|dunno|i wonder|seems?)\b/iu,
} as const;

export type WordClass = keyof typeof CLASSES;
export const WORD_CLASSES = Object.keys(CLASSES) as readonly WordClass[];

/** Stands for something that only the conversation names. */
const POINTER =
  /\b(?:this|that|these|those|it|them|there|here|ones?|thing|same|still|das da|diese\w*|dort|ça|cela|celui|eso|esto|ese)\b|これ|それ|这个|那个/iu;

type Name = WordClass | "pointer";

/** A text as the patterns read it, with what was asked of it so far. */
interface Reading {
  readonly lower: string;
  readonly patterns: ReadonlyMap<Name, RegExp>;
  readonly found: Map<Name, boolean>;
}

const ASCII = /^[\x00-\x7f]*$/;

const readingOf = remembering(8_192, (text): Reading => {
  const isAscii = ASCII.test(text);
  const lower = isAscii
    ? text.toLowerCase()
    : text
        .toLowerCase()
        .replace(/[’‘]/g, "'")
        .replace(/[–—…“”„→·•]/g, "-");
  const patterns = isAscii || ASCII.test(lower) ? ASCII_PATTERNS : WIDE_PATTERNS;
  return { lower, patterns, found: new Map() };
});

/** Whether a statement has a word of the class; asked for several times while a statement is judged. */
export function hasWordOf(name: Name, text: string): boolean {
  const { lower, patterns, found } = readingOf(text);
  const known = found.get(name);
  if (known !== undefined) return known;
  const isThere = patterns.get(name)?.test(lower) ?? false;
  found.set(name, isThere);
  return isThere;
}

/** `\b` knows only ASCII: it sees the end of a word before the last letter of "passé". */
const WORD_EDGE = "(?:(?<=[\\p{L}\\p{N}_])(?![\\p{L}\\p{N}_])|(?<![\\p{L}\\p{N}_])(?=[\\p{L}\\p{N}_]))";
const PATTERNS: readonly (readonly [Name, RegExp])[] = [
  ...WORD_CLASSES.map((name) => [name, CLASSES[name]] as const),
  ["pointer", POINTER],
];
// Texts are lower case by then; without the flag, the engine merges the alternatives.
const ASCII_PATTERNS: ReadonlyMap<Name, RegExp> = new Map(
  PATTERNS.map(([name, { source }]) => [name, new RegExp(source, source.includes("\\p") ? "u" : "")]),
);
const WIDE_PATTERNS: ReadonlyMap<Name, RegExp> = new Map(
  PATTERNS.map(([name, { source }]) => [name, new RegExp(source.replaceAll("\\b", WORD_EDGE), "u")]),
);
