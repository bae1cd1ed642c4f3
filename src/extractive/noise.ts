/**
 * Chatter of a session that says nothing once the session is over: announcements, progress, courtesy, status reports,
 * lists of touched files, dumps. Judged on one plain line.
 */
export function isNoise(line: string): boolean {
  const text = line.replace(/^["“'`(\s]+/, "");
  if (/^`[^`]*`[.,;]?$/.test(text)) return true;
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  if (letters < 6 && !/[\u3040-\u30ff\u3400-\u9fff]{4}/u.test(text)) return true;
  if (letters < text.length * 0.45 && !/[\u3040-\u30ff\u3400-\u9fff]/u.test(text)) return true;
  if (/[:：]$/.test(text)) return true;
  return chatter.some((pattern) => pattern.test(text)) || isDump(text);
}

const chatter: readonly RegExp[] = [
  /^(?:ok(?:ay)?|sure|great|perfect|good|nice|excellent|alright|awesome|thanks?|thank you|you're (?:right|welcome)|sounds good|got it|understood|done|all (?:good|done|set)|that's it|moved|fixed|yes|yep|yup|no problem|hmm+|uh+|ah+|oh|wow|wait|cool|right)\b[^\p{L}]*$/iu,
  /^(?:let me|let's|i'll|i will|i'm going to|i am going to|i am now|i'm now|now,? (?:i|let|update|add|fix|run|check|the)|next,? (?:i|let)|first,? (?:i|let)|going to|about to|time to|looking (?:at|into|for)|checking|reading|running|searching|exploring|starting|working on|continuing|proceeding|waiting)\b/i,
  /^(?:i|we)(?:'ve| have)? (?:just |now |also |already |then |have )*(?:added|removed|updated|fixed|created|changed|deleted|renamed|moved|implemented|refactored|migrated|replaced|ran|verified|checked|reviewed|committed|pushed|read|looked|found that i|made|written|wrote|completed|finished|extended|reverted|cleaned)\b/i,
  /\b(?:all|both|the|\d+|existing|new|unit|\w+) tests? (?:now |still |are |is |all )*(?:pass|passed|passing|green|succeed)/i,
  /^(?:all|everything) (?:\w+ ){0,4}(?:pass|passes|passed|green|clean|works|good|done|complete|compiles|builds|resolved)\b/i,
  /\b(?:lint(?:er|ing)?|build|typecheck|ci|compilation)\b.{0,30}\b(?:is clean|passes|passed|succeeds|succeeded|shows? (?:no|0|zero) (?:issues|errors)|(?:0|zero|no) (?:issues|errors|warnings))/i,
  /^(?:build|tests?|lint(?:er)?)(?: and [\w ]{2,30})? (?:pass(?:es|ed)?|succeed(?:s|ed)?|(?:is|are) (?:clean|green|ok))/i,
  /^(?:here(?:'s| is| are)|below (?:is|are)|the following|summary\b|in summary|to summari[sz]e|as (?:requested|discussed)|this (?:commit|change|pr|session)\b)/i,
  /^(?:done|fixed|moved|updated|renamed|removed|good|great|perfect|good (?:point|catch|question|call)|you're right|looks (?:good|correct)|found (?:it|the)|success(?:fully)?|completed?)\b[.!,:—–-]/i,
  /^(?:checked \d+ files|no fixes applied|found \d+ (?:errors?|warnings?)|\d+ (?:passed|failed|tests?|files?) )/i,
  /\b(?:no|zero|0) (?:more )?(?:failures|errors|conflicts?|conflict markers|issues|warnings)\b.{0,30}$|^(?:both|all|no) .{0,40}\b(?:resolved|remain|remaining|as agreed)\b|^builds? (?:is )?clean\b|\bhappy to\b/i,
  /\bexit (?:code|status):? 0\b/i,
  /^(?:ok(?:ay)?|good|great|perfect|nice|cool|alright)[,.! ]+(?:now )?(?:it|that|this|everything|all|looks|works|we|the)\b.{0,30}\b(?:green|good|fine|works?|done|ok|passe[sd]|clean|now)[.!]?$/i,
  /\b\d+ (?:user |agent )?(?:turns|replies)\b.{0,60}\btool calls\b/i,
  /^\S+\.\w{2,4}(?:, \S+ \d+)?$/,
  /^(?:files? (?:edited|changed|touched|modified|read|created)|exit (?:code|status)|command|tool (?:call|use|result)|stdout|stderr|output|commit [0-9a-f]{7}|branch|duration|tokens?( used)?|session (?:of|id)|model|agent)\b\s?[:=\d]/i,
  /^(?:\w+ )?(?:agent|assistant)\s?[-–—]\s?sidechain|suggestion mode|^\[?(?:request interrupted|image #\d)|api error: \d/i,
  /^(?:want me to|would you like|shall i|should i|do you want|let me know|ready (?:to|for)|feel free|if you(?:'d| would)? like|anything else|you can (?:now )?(?:re-?run|test|try))\b/i,
  /^(?:the user|user) (?:then |also )?(?:said|asked|replied|confirmed|answered|wrote|typed)\b.{0,12}["“](?:ok|okay|yes|yup|yep|no|go|go ahead|proceed|continue|thanks?|do it|next|great|perfect|lgtm|sounds good)\b[^"”]{0,14}["”]?\.?$/i,
  /^(?:phase|step|task|part|chunk|line|lines|option|item)s? \d+[a-z]?\b.{0,20}(?:done|complete|finished|passed|$)/i,
  /^(?:ich (?:werde|habe|schaue|prüfe)|lass mich|fertig|alle tests (?:laufen|sind|bestehen)|je vais|laissez-moi|terminé|tous les tests|voy a|déjame|listo|todas las pruebas)\b/i,
  /^(?:これから|それでは|完了|すべてのテスト|全てのテスト|了解|わかりました|好的|现在我|我来|让我|完成了?|所有测试|接下来)/u,
  /^(?:see|refer to|cf\.?|source|via|from|link|url|https?:\/\/\S+)\b\s?:?\s?\S*$/i,
];

/** Directory listings, prompts, diffs, hashes, log lines, stack frames, serialised data. */
export function isDump(text: string): boolean {
  return (
    /^(?:\$ |> |% |>>> |\+\+\+ |--- |@@ |diff --git|index [0-9a-f]{7})/.test(text) ||
    /(?:^|\s)[-d][rwx-]{9}[@+.]?\s|^total \d+\b/.test(text) ||
    /^\[?\d{1,4}[-/:]\d{1,2}[-/:]\d{1,4}[ T]\d{1,2}:\d{2}/.test(text) ||
    /^(?:=== |--- )?(?:RUN|PASS|FAIL|SKIP|ok)\b[ :]+\S*(?:Test|\/|\()/.test(text) ||
    /^\s?at \S+ ?\(|^(?:Traceback|File "[^"]+", line \d+|goroutine \d+)|^\s?\^+\s*$/.test(text) ||
    /^[[{].*[\]}]$|^\{\s?"|":\s?[{["]/.test(text) ||
    /^(?:import|export|const|let|var|func|def|class|return|package|use|using|public|private|if \(|for \()\s[^.]*[;{}=()]\s*$/.test(
      text,
    ) ||
    /\b[A-Za-z0-9+/]{80,}={0,2}\b/.test(text)
  );
}
