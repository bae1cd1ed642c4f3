import type { Kind } from "./sections.ts";

/**
 * How much a statement is worth to someone who wasn't there, about -6 to 8; below `worthKeeping` it is left out. Facts,
 * rules and causes count; reports of what one session changed, questions and pointers into a lost conversation don't.
 */
export function worthOf(kind: Kind, text: string, isFromSection: boolean): number {
  const inner = text.replace(/^["“]|["”]$/g, "");
  const size = inner.length;
  let worth = isFromSection ? 2 : 1;
  if (size >= 30 && size <= 260) worth += 1;
  if (size < 18 && !/[\u3040-\u30ff\u3400-\u9fff]/u.test(inner)) worth -= 1;
  if (/…$|\.\.\.$/.test(inner)) worth -= 1;
  if (/`[^`]+`|\w\/\w+\.\w|--\w/.test(inner)) worth += 0.5;
  if (reasons.test(inner)) worth += 1.5;
  if (/\[REDACTED_SECRET\]/.test(inner)) worth -= 1;
  if (pointing.test(inner)) worth -= 1.5;
  if (unbalanced(inner)) worth -= 1;
  if (kind === "preference") return worth + preferenceWorth(inner);
  if (kind === "failure") return worth + (advice.test(inner) ? 2 : 0) - (/\?$/.test(inner) ? 3 : 0);
  return worth + knowledgeWorth(inner);
}

export const worthKeeping = 1.5;

const reasons =
  /\b(?:because|since|so that|otherwise|unless|therefore|due to|root cause|caused by|which means|in order to|weil|damit|sonst|parce que|sinon|porque|para que)\b|ため|ので|因为|所以|否则/iu;
const advice =
  /\b(?:fix(?:ed)?|instead|workaround|use|need(?:s|ed)?|must|should|cause|solution|avoid|never|always|set|pass|check|before|until|only|unless|next time|lösung|ursache|statt|solución|cause|utiliser)\b|->|→|=>|対策|解決|原因|应该|解决|需要/iu;
const pointing =
  /\b(?:line|lines|observation|obs|option|issue|item|point|number|phase|chunk|step|finding)s? #?\d+|\[image #?\d|\b(?:above|below|as follows|the following|that one|this one|these ones)\b|^\W*(?:and|but|so|or|then|it|that|this|these|those|they|he|she|both|which|same)\b/i;

function preferenceWorth(text: string): number {
  let worth = 0;
  if (rule.test(text)) worth += 2;
  if (durable.test(text)) worth += 1.5;
  if (/["”»」] ?(?:->|→)/.test(text)) worth += 1.5;
  if (
    /(?:^|\s)#\d|\boption [a-z0-9]\b|^re:|\d\d\/\d\d\/\d\d|[\u26a0\u2139]|\b\w+ and \d+\b|^\d+ /i.test(text)
  )
    worth -= 2;
  if (
    /\byou(?:['’]re| are| were| should have| did)\b|\b(?:man|dude|buddy|wtf|wth|garbage|dumb)\b/i.test(text)
  )
    worth -= 1.5;
  if (aboutUser.test(text)) worth += 2;
  if (
    /\b(?:maybe|presumably|not sure|dunno|hmm+|i guess|i wonder|seems?|i'?m starting|i get|yep|yup|mmm+k?|sure\.\.\.|no brainer|let'?s (?:do|see|come|talk|kick))\b/i.test(
      text,
    )
  )
    worth -= 1.5;
  if (/\p{Emoji_Presentation}|\[image\b|\d\d:\d\d|\bPR\b|https?:/u.test(text)) worth -= 2;
  if (text.length <= 60 && adrift.test(text)) worth -= 2;
  if (/\?/.test(text)) worth -= aboutUser.test(text) ? 0 : 3;
  if (
    /^(?:why|what|where|how|when|who|which|is|are|do|does|did|can|could|should|would|have|has|was)\b/i.test(
      text,
    )
  )
    worth -= 2;
  if (
    /^(?:ok(?:ay)?|now|next|yes|yup|yep|no|k|hmm+|uh+|ah+|wait|so|and|also)[,. ]+(?:now |then )?(?:let'?s|let us|proceed|start|do|go|continue|take|look|read|address|start)\b/i.test(
      text,
    )
  )
    worth -= 3;
  if (
    /^(?:let'?s|address|proceed|continue|take a look|look at|read|finish|implement|fix|try|update|add|remove|move|rename|change|write|run|commit|push|merge|re-?run|explain|show|tell|give|organize|propose)\b/i.test(
      text,
    ) &&
    !durable.test(text)
  )
    worth -= 2.5;
  if (/\/(?:Users|home|tmp|var)\/\S{12,}|https?:\/\/\S{20,}|\b[0-9a-f]{8}-[0-9a-f]{4}-/.test(text))
    worth -= 2;
  return worth;
}

const rule =
  /\b(?:always|never|prefer\w*|don['’]?t|do not|must|should(?:n['’]t)?|instead of|rather than|avoid|make sure|no need|only|keep|stop|want|needs?|by default|every time|whenever|immer|niemals?|nie|bevorzug\w*|bitte|lieber|keine?n?|toujours|jamais|préfère\w*|veut|siempre|nunca|prefiere\w*|quiere)\b|ください|必ず|常に|好む|ほしい|ない|不要|总是|必须|喜欢|偏好|希望|请/iu;
/** A short order about something only its own moment knew. */
const adrift =
  /^(?:no,? |hm+ |oh )?(?:this|these|those|that|it|i don['’]?t)\b|\b(?:this|that|those|these) (?:yet|file|name|one|doc)\b|^(?:don['’]?t|do not|just|no reason) (?:\w+ ){0,2}(?:this|that|it|them|those|anything)\b/i;
const durable =
  /\b(?:always|never|prefer\w*|by default|every time|whenever|everywhere|convention|from now on|in general|any time|each time|instead of|rather than|we (?:don['’]?t|do not) (?:want|need)|should (?:not|never|always|be)|that['’]s what .{2,30} is for|is not a goal)\b/i;
const aboutUser =
  /\b(?:the )?user\b.{0,30}\b(?:prefers?|wants?|likes?|dislikes?|expects?|insists?|asked|corrected|rejected|cares?|said|values?|needs?|requires?|does not|doesn't|repeatedly|hates?)\b|\bbenutzer|\bnutzer|\butilisateur|\busuario|ユーザー|用户|->|→/iu;

function knowledgeWorth(text: string): number {
  let worth = 0;
  if (/\?$/.test(text) || errand.test(text)) worth -= 4;
  if (verdict.test(text)) worth -= 2;
  if (/\.\w{1,4}:\d+/.test(text)) worth -= 1;
  if (reportAfter.test(text.slice(0, 120))) worth -= reasons.test(text) ? 1.5 : 3;
  else if (report.test(text)) worth -= reasons.test(text) ? 1 : 3;
  else if (touched.test(text)) worth -= reasons.test(text) ? 0.5 : 2;
  if (fact.test(text)) worth += 1;
  else if (english.test(text) && !reasons.test(text)) worth -= 0.5;
  if (/^(?:line|lines) \d|^[\x21-\x7e]+$|^`[^`]+`$/.test(text)) worth -= 3;
  if (/^(?:my|i|we)\b|\b(?:i think|i'd|i would|i recommend|my assessment|i believe)\b/i.test(text))
    worth -= 2;
  if (/\b(?:your|you)\b/i.test(text) && !/\byou (?:can|need|must|have)\b|^(?:if|when) you\b/i.test(text))
    worth -= 1.5;
  if (/^[^a-z]*$/.test(text) && /[A-Z]/.test(text)) worth -= 2;
  if (wordCount(text) < 5 && !/[\u3040-\u30ff\u3400-\u9fff]/u.test(text)) worth -= 1.5;
  return worth;
}

/** What one session did, in the ways change lists are written. */
const report =
  /^(?:[\w./`-]{1,60}:? ?[-–—:]? ?)?(?:added|removed|deleted|renamed|moved|updated|changed|fixed|created|replaced|refactored|implemented|migrated|extracted|introduced|upgraded|bumped|reverted|cleaned|kept|converted|simplified|switched|wired|applied|committed|pushed|ran|verified|tested|dropped|consolidated|unexported|included|set up|handles? the case|now (?:uses|calls|returns)|adds|removes|updates|renames|deletes|creates|replaces|new (?:file|function|test|method|field|struct|type))\b|^(?:\w+ed|rewrote|made|took|built|wrote|split) (?:up )?(?:(?:the|an?|all|both|each|some|unused|new|old|redundant|missing|local)\b|`|\d)/i;
/** `path/file.go — …`: an entry in a list of touched files. */
const touched = /^`?[\w./-]+\.\w{1,4}(?::[\d-]+)?`?(?: \([^)]{0,80}\))?(?: ?[—–]| -|:) /;
const reportAfter =
  /(?:[:：]|\s[—–-])\s(?:added|removed|deleted|renamed|moved|updated|changed|fixed|created|replaced|refactored|implemented|migrated|extracted|switched|now|dropped|extended|discussed|no change)\b/i;
const fact =
  /\b(?:is|are|uses?|requires?|needs?|must|only|lives? in|defaults?|means|depends|returns?|expects?|supports?|runs?|reads?|writes?|stores?|contains?|comes from|happens|takes|works?|ist|sind|braucht|liegt|nutzt|est|sont|utilise|nécessite|es|son|usa|requiere)\b|です|ます|する|是|在|使用|需要/iu;

/** What was asked of a helper, and what was thought of somebody's work. */
const errand =
  /^(?:how|what|where|why|who|which|find|look at|explore|search for|any existing|all callers)\b|\b(?:be thorough|show me|exclude the)\b/i;
const verdict =
  /\b(?:sign-off|checks out|as requested|verdict|mishap|my mistake|i (?:left|found|lifted|implemented|kept)|you (?:confirmed|opted|asked|chose)|here['’]s the|is (?:correct|appropriate|sound|useful|fine|good)(?: and \w+)?\.?$)/i;
const english = /\b(?:the|an?|of|to|and|in|with|for|on)\b/i;

function wordCount(text: string): number {
  return text.split(/\s+/).length;
}

/** A piece cut out of code or of the middle of a quotation. */
function unbalanced(text: string): boolean {
  const count = (mark: string) => text.split(mark).length - 1;
  return (
    count("`") % 2 === 1 ||
    count("(") !== count(")") ||
    count("{") !== count("}") ||
    count("“") !== count("”")
  );
}
