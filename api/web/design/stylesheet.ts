import { type Colours, DARK, LIGHT, SPACE, TARGET_PX } from './tokens';

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

function variables({ series, ...colours }: Colours): string {
  return [
    ...Object.entries(colours).map(([name, value]) => `--${kebab(name)}:${value}`),
    ...series.map((value, index) => `--series-${index + 1}:${value}`),
  ].join(';');
}

const spaces = Object.entries(SPACE)
  .map(([name, rem]) => `--${name}:${rem}rem`)
  .join(';');

const BASE = `
*{box-sizing:border-box}
html{text-size-adjust:100%}
body{margin:0;min-height:100vh;display:flex;flex-direction:column;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,sans-serif;overflow-wrap:break-word}
h1,h2,.brand{font-family:"Iowan Old Style",Palatino,"Palatino Linotype",Georgia,serif;font-weight:600}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 var(--s4);text-wrap:balance}
h2{font-size:1.25rem;line-height:1.3;margin:var(--s8) 0 var(--s3)}
h3{font-size:1rem;margin:var(--s6) 0 var(--s2)}
p{margin:0 0 var(--s4);max-width:60ch}
a{color:var(--accent);text-underline-offset:.15em}
ul,ol{padding-left:1.25rem;margin:0 0 var(--s4)}
li{margin:0 0 var(--s2)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.quiet{color:var(--quiet)}.small{font-size:.875rem}
.num,code,pre{font-family:ui-monospace,"SF Mono",Menlo,Consolas,monospace;font-variant-numeric:tabular-nums}
code,pre{font-size:.9375em}
pre{overflow-x:auto;background:var(--sheet);border:1px solid var(--rule);border-radius:4px;padding:var(--s3) var(--s4)}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
`;

const LAYOUT = `
.skip{position:absolute;left:var(--s2);top:-6rem;background:var(--sheet);color:var(--ink);padding:var(--s3) var(--s4);border:1px solid var(--edge);border-radius:4px;z-index:1}
.skip:focus{top:var(--s2)}
.top{border-bottom:1px solid var(--rule);padding:var(--s1) var(--s6);display:flex;flex-wrap:wrap;gap:0 var(--s4);align-items:center}
.top .brand{font-size:1.1rem;letter-spacing:.04em;color:var(--ink);text-decoration:none;min-height:${TARGET_PX}px;display:inline-flex;align-items:center;min-width:${TARGET_PX}px}
.top .who{margin-left:auto;display:flex;gap:0 var(--s4);align-items:center;justify-content:flex-end;color:var(--quiet);font-size:.875rem;min-width:0}
.who .me{display:flex;gap:.35em;align-items:center;min-width:0}
.who .lead{flex:none}
.who .me a{min-width:0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;line-height:${TARGET_PX}px}
.top nav{display:flex;flex-wrap:wrap;gap:0 var(--s4)}
.top nav a,.link-button{white-space:nowrap;min-height:${TARGET_PX}px;display:inline-flex;align-items:center;font-size:.875rem}
main{flex:1;width:100%;max-width:36rem;margin:0 auto;padding:var(--s12) var(--s6)}
main.wide{max-width:72rem}
.foot{border-top:1px solid var(--rule);color:var(--quiet);font-size:.875rem;padding:var(--s4) var(--s6)}
.foot p{margin:0;max-width:none}
@media(max-width:30rem){.top,.foot{padding-left:var(--s4);padding-right:var(--s4)}main{padding:var(--s8) var(--s4)}.top .who{width:100%;justify-content:space-between}.who .lead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}}
`;

const PARTS = `
dl.facts{display:grid;grid-template-columns:fit-content(10rem) minmax(0,1fr);border-top:1px solid var(--rule);margin:var(--s6) 0}
dl.facts>div{display:grid;grid-template-columns:subgrid;grid-column:1/-1;border-bottom:1px solid var(--rule)}
dl.facts dt{color:var(--quiet);padding:var(--s3) var(--s6) var(--s3) 0}
dl.facts dd{font-weight:500;margin:0;padding:var(--s3) 0;min-width:0;overflow-wrap:anywhere}
.columns{display:grid;gap:var(--s6);grid-template-columns:repeat(auto-fit,minmax(14rem,1fr));margin:var(--s6) 0}
.columns h2{margin:0 0 var(--s2);font:600 .875rem/1.3 system-ui,sans-serif;color:var(--quiet)}
.columns ul{margin:0}
ul.marks{list-style:none;padding:0}
ul.marks li{padding-left:1.5rem;position:relative}
ul.marks li::before{position:absolute;left:0;content:"✓" / "";color:var(--accent)}
ul.marks.no li::before{content:"–" / "";color:var(--quiet)}
.notice{border:1px solid var(--rule);border-left:4px solid var(--accent);background:var(--sheet);border-radius:4px;padding:var(--s4);margin:0 0 var(--s6)}
.notice.warn{border-left-color:var(--warn)}
.notice h2{font:600 1rem/1.3 system-ui,sans-serif;margin:0 0 var(--s2)}
.notice>:last-child{margin-bottom:0}
.notice ul{margin-bottom:0}
.notice li:last-child{margin-bottom:0}
.strata{display:inline-flex;gap:.5rem;align-items:center}
.strata svg{width:2.6rem;height:1.35rem;flex:none}
.strata rect{fill:none;stroke:var(--ink);stroke-width:1.2}
.strata rect.on{fill:var(--ink)}
.table{overflow-x:auto;margin:0 0 var(--s6)}
table{border-collapse:collapse;width:100%}
caption{text-align:left;color:var(--quiet);font-size:.875rem;padding:0 0 var(--s2)}
th,td{text-align:left;vertical-align:top;padding:var(--s2) var(--s4) var(--s2) 0;border-bottom:1px solid var(--rule)}
tr>:last-child{padding-right:0}
thead th{color:var(--quiet);font-weight:600;font-size:.875rem}
td.num,th.num{text-align:right;white-space:nowrap}
thead th.num{font-family:inherit;white-space:normal}
ul.records{list-style:none;padding:0;margin:0 0 var(--s6);border-top:1px solid var(--rule)}
ul.records li{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:0 var(--s6);align-items:center;border-bottom:1px solid var(--rule);margin:0;padding:var(--s3) 0}
ul.records li>div{overflow-wrap:anywhere}
ul.records h3{margin:0;font:600 1rem/1.4 system-ui,sans-serif;text-wrap:balance}
ul.records p{margin:0}
ul.records a,ul.ways a{min-height:${TARGET_PX}px;display:inline-flex;align-items:center}
ul.ways{list-style:none;padding:0}
ul.ways li{margin:0}
@media(max-width:30rem){ul.records li{grid-template-columns:minmax(0,1fr)}}
td time{white-space:nowrap}
tbody th{font-weight:500}
.chart :is(thead th,tbody th){white-space:nowrap}
.chart td{overflow-wrap:anywhere}
.chart tbody tr:not(:last-child)>td{border-bottom:0}
figure{margin:0 0 var(--s6)}
.chart svg{display:block;width:100%;height:auto}
.chart text{font:10.5px system-ui,sans-serif;fill:var(--ink);text-anchor:middle}
.chart text.month{fill:var(--quiet)}
.chart line{stroke:var(--edge);stroke-width:1}
.chart rect{stroke:var(--paper);stroke-width:1}
.legend{list-style:none;padding:0;margin:var(--s3) 0;display:flex;flex-wrap:wrap;gap:var(--s1) var(--s4);font-size:.875rem}
.legend li{display:inline-flex;gap:var(--s2);margin:0;min-width:0;overflow-wrap:anywhere}
.legend svg{width:.9rem;height:.9rem;flex:none;margin-top:.25em}
@media(max-width:30rem){.chart text{font-size:13px}}
.series-1{fill:var(--series-1)}.series-2{fill:var(--series-2)}.series-3{fill:var(--series-3)}.series-4{fill:var(--series-4)}
details{margin:0 0 var(--s6)}
summary{min-height:${TARGET_PX}px;padding:.6rem 0;cursor:pointer;color:var(--accent)}
`;

const FORMS = `
form.fields{margin:0 0 var(--s6)}
.field{margin:0 0 var(--s6);max-width:26rem}
.field label{display:block;font-weight:600;margin:0 0 var(--s1)}
.field .hint{color:var(--quiet);font-size:.875rem;margin:0 0 var(--s2)}
.field .error{color:var(--warn);font-weight:600;margin:0 0 var(--s2)}
input,select,textarea{font:1rem/1.4 system-ui,sans-serif;color:var(--ink);background:var(--sheet);border:1px solid var(--edge);border-radius:4px;padding:.6rem .75rem;width:100%;min-height:${TARGET_PX}px}
input.code{font-family:ui-monospace,"SF Mono",Menlo,Consolas,monospace;letter-spacing:.08em;text-transform:uppercase}
input[aria-invalid=true]{border:2px solid var(--warn)}
.check{display:flex;gap:var(--s3);align-items:center;min-height:${TARGET_PX}px}
.check input{width:1.4rem;height:1.4rem;min-height:0;flex:none;accent-color:var(--accent)}
.check label{margin:0;font-weight:400}
.actions{display:flex;gap:var(--s3);flex-wrap:wrap;margin:var(--s8) 0 var(--s6)}
.actions form{margin:0}
button,.button{font:600 1rem/1.2 system-ui,sans-serif;padding:.8rem 1.4rem;border-radius:4px;border:1px solid var(--accent);background:var(--accent);color:var(--accent-ink);min-height:${TARGET_PX}px;cursor:pointer;text-decoration:none;display:inline-flex;align-items:center}
button.plain,.button.plain{background:none;color:var(--ink);border-color:var(--edge)}
button.danger{background:var(--warn);border-color:var(--warn);color:var(--paper)}
button.link-button{background:none;border:0;padding:0;color:var(--accent);font-weight:400;font-size:.875rem;text-decoration:underline;text-underline-offset:.15em}
@media(forced-colors:active){.strata rect.on{fill:CanvasText}button{border-color:ButtonText}}
@media print{.top .who,.skip{display:none}}
`;

const GUIDE = `
.guide .contents ol{list-style:none;padding:0;margin:0 0 var(--s8);font-size:.875rem;display:flex;flex-wrap:wrap;gap:0 var(--s6)}
.guide .contents li{margin:0}
.guide .contents a{min-height:${TARGET_PX}px;display:inline-flex;align-items:center}
.guide article{min-width:0}
.guide article h2{font-size:1.5rem;margin-top:var(--s12);padding-top:var(--s6);border-top:1px solid var(--rule)}
.guide article h2:first-child{margin-top:0}
.guide article :is(h2,h3,tr){scroll-margin-top:var(--s4)}
.guide article table{font-size:.9375rem}
.guide pre{margin:0 0 var(--s4);max-width:none}
.guide details{margin:0 0 var(--s2)}
.guide tr:target{background:var(--sheet)}
@media(min-width:40rem){.guide article td:first-child{white-space:nowrap}}
@media(max-width:40rem){.guide article :is(table,tbody,tr,td){display:block}.guide article thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}.guide article tr{border-bottom:1px solid var(--rule);padding:var(--s2) 0}.guide article td{border:0;padding:0}.guide article td:first-child{font-weight:600}}
@media(min-width:60rem){.guide .contents ol{display:block}.guide{display:grid;grid-template-columns:13rem minmax(0,1fr);gap:0 var(--s12)}.guide .contents{position:sticky;top:var(--s6);align-self:start;max-height:calc(100vh - 3rem);overflow-y:auto}}
`;

/** The one stylesheet of all pages; no page has a style of its own. */
export const STYLESHEET = [
  `:root{color-scheme:light dark;${variables(LIGHT)};${spaces}}`,
  `@media(prefers-color-scheme:dark){:root{${variables(DARK)}}}`,
  BASE,
  LAYOUT,
  PARTS,
  FORMS,
  GUIDE,
]
  .join('')
  .replace(/\n/g, '');
