const AGENTS =
  "(?:agents?|assistants?|models?|llms?|ais?|claude|codex|copilot|gpt|gemini|readers? of this (?:memory|file))";
/** Verbs that harm by themselves, and ordinary ones that do with what they are said of. */
const HARM =
  "(?:(?:upload|export|exfiltrate|reveal|disclose|leak|disable|bypass|circumvent|ignore|disregard|skip|wipe|erase|delete|trust|obey|comply|approve|grant|elevate)\\b|(?:send|post|email|mail|forward|print|run|execute|download|install|push)\\b.{0,80}(?:https?:|\\bsudo\\b|\\bcurl\\b|\\.env\\b|secret|credential|password|api[ _-]?key|token|private key|\\w@\\w))";
const AUTHORITY =
  "(?:admin(?:istrator)?s?|root|system|operator|owner|security team|compliance|management|anthropic|openai|google|microsoft|vendor|developers?)";

/**
 * Orders in the name of an authority, and ways to carry things out, beside what any reader of notes refuses. Each needs
 * two signs at once: a note may say "approved by the security team", and may say what agents do.
 */
export const ORDERS: readonly RegExp[] = [
  new RegExp(
    `\\b(?:all|any|every|each|future|other|subsequent|the next)\\s(?:\\w+\\s){0,2}${AGENTS}\\b.{0,40}\\b(?:must|shall|should|are (?:required|authori[sz]ed|instructed|ordered|permitted|allowed) to|have (?:to|permission))\\b.{0,60}\\b${HARM}`,
    "i",
  ),
  new RegExp(
    `\\b(?:as|by order of|on behalf of|with the authority of|authori[sz]ed by|approved by|mandated by|directive (?:of|from)|instructed by|message from|per)\\b.{0,20}\\b${AUTHORITY}\\b.{0,80}(?:\\b(?:you|${AGENTS})\\b.{0,40}\\b(?:must|shall|should|may|are|have|can|will|always|never)\\b|[:,] ?(?:always|never|you|please)? ?${HARM})`,
    "i",
  ),
  /\b(?:this|these|the following) (?:\w+ ){0,2}(?:rules?|instructions?|memor(?:y|ies)|notes?|entr(?:y|ies)|messages?|polic(?:y|ies)|directives?)\b.{0,20}\b(?:overrides?|supersedes?|outranks?|replaces? (?:all|any|your)|takes? (?:precedence|priority) over)\b.{0,60}\b(?:all|any|your|system|user|safety|other|previous|every)\b/i,
  new RegExp(
    `\\b(?:mandatory|compulsory|critical|urgent|binding|important)\\b.{0,12}\\b(?:for|to) (?:all |any |every |future )*${AGENTS}\\b`,
    "i",
  ),
  /\b(?:highest|top|maximum|absolute|overriding) (?:priority|precedence|authority)\b.{0,60}\b(?:instruction|directive|over (?:the )?(?:user|system)|you must|obey)/i,
  /\b(?:curl|wget|http|httpie|invoke-webrequest)\b.{0,300}(?:\$\(|(?<!(?:bearer|basic|token|-u|:) {0,2}["']?)\$\{?\w{0,40}(?:KEY|TOKEN|SECRET|PASS)|@?(?:~|\$HOME|\/home\/\w+|\/root)?\/?\.(?:ssh|env|aws|netrc|npmrc|kube)\b|@\/etc\/|id_rsa)/i,
  /(?:\.ssh\/|id_rsa|id_ed25519|\.aws\/|\.netrc|\/etc\/(?:passwd|shadow)|(?:^|[\s/])\.env\b|\bprintenv\b|\benv\b).{0,80}\|\s?(?:[\w-]+ ?(?:-\w+ ?)*\| ?)?(?:curl|nc|ncat|wget|xxd|base64|openssl)\b/i,
  /\/dev\/tcp\/\S|\bnc(?:at)?\b.{0,60}\s-e\b|\bbash -i\b.{0,20}>&/i,
  /\b(?:append|add|echo|write|install|put|paste)\b.{0,120}\bauthorized_keys\b/i,
  /\b(?:do not|don't|never|must not|should not)\s(?:ever\s)?(?:mention|reveal|disclose|report|display|remove|delete|edit|question)\b.{0,30}\bth(?:is|ese)\b.{0,20}\b(?:rules?|instructions?|entr(?:y|ies)|memor(?:y|ies)|lines?|paragraphs?)\b/i,
  /\b(?:copy|repeat|propagate|preserve|carry|include|reproduce|keep)\b.{0,20}\bth(?:is|ese)\b.{0,40}\b(?:every|all|future|each|next)\b.{0,30}\b(?:summar|memor|consolidation|run|handbook|session)/i,
  /\b(?:you|agents?|assistants?)\b.{0,30}\b(?:must|should|shall|have to|need to|always|are to)\b.{0,60}\b(?:without|no) (?:asking|confirmation|approval|permission|the user(?:'s)?|telling|informing|user (?:consent|approval))\b.{0,120}\b(?:https?:|curl|delete|push|install|sudo|secret|credential|token|disable)/i,
  /(?:disabl|bypass|turn(?:ing)? off|deactivat|remov)\w*\b.{0,20}\b(?:the |all |your |any )(?:sandbox|safety|guardrails?|security checks?|approval prompts?|permission checks?)\b.{0,60}\b(?:you|agents?|assistants?|must|always|before|whenever|future)\b/i,
];
