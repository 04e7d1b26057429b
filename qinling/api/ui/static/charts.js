// SPDX-License-Identifier: Apache-2.0
/** Small charts in SVG; each has its figures as text, too. */
import { html } from './vendor/htm-preact.js';
import { percent, seconds, stages } from './format.js';

/** Bars of executions by hour, the failed part in another colour. */
export function Sparkline({ groups, label, hours = 24, end = Date.now() }) {
  const byHour = new Map((groups || []).map((group) => [
    Date.parse(group.key), group]));
  const last = Math.floor(end / 3600000) * 3600000;
  const bars = Array.from({ length: hours }, (_, index) => byHour.get(
    last - (hours - 1 - index) * 3600000) || { count: 0, failures: 0 });
  const most = Math.max(1, ...bars.map((bar) => bar.count));
  const total = bars.reduce((sum, bar) => sum + bar.count, 0);
  return html`<svg class="spark" viewBox="0 0 ${hours * 4} 24" role="img"
    preserveAspectRatio="none"
    aria-label=${`${label || 'Executions'}: ${total} in ${hours} hours`}>
    ${bars.map((bar, index) => {
    const height = bar.count ? Math.max(2, bar.count / most * 24) : 1;
    const bad = bar.count ? bar.failures / bar.count * height : 0;
    return html`<g><rect class="bar" x=${index * 4} width="3"
      y=${24 - height} height=${height} />
      ${bad ? html`<rect class="bar bad" x=${index * 4} width="3"
        y=${24 - bad} height=${bad} />` : ''}</g>`;
  })}</svg>`;
}

/** Stages of an execution on one time line. */
export function Waterfall({ row }) {
  const parts = stages(row);
  const end = parts[parts.length - 1];
  const total = Math.max(end.start + end.length, 1e-6);
  return html`<div class="waterfall">${parts.map((part) => html`
    <div class="stage"><span>${part.name}</span>
    <svg viewBox="0 0 1000 16" preserveAspectRatio="none" aria-hidden="true">
      <rect class="track" width="1000" height="16" rx="3" />
      <rect class="stage-${part.name.split(' ')[0]}" rx="3" height="16"
        x=${part.start / total * 1000}
        width=${Math.max(3, part.length / total * 1000)} /></svg>
    <span class="numeric">${seconds(part.length)}</span></div>`)}</div>`;
}

/** Share with its 95 % interval on a line from 0 to `most`. */
export function ShareBar({ share, low, high, most, label }) {
  const scale = (value) => Math.min(1000, value / (most || 1) * 1000);
  return html`<svg class="share" viewBox="0 0 1000 16" role="img"
    preserveAspectRatio="none"
    aria-label=${`${label}: ${percent(share)}, ${percent(low)} to ${
    percent(high)}`}>
    <rect class="track" width="1000" height="16" rx="3" />
    <rect class="range" x=${scale(low)} height="16"
      width=${Math.max(4, scale(high) - scale(low))} />
    <rect class="point" x=${Math.max(0, scale(share) - 4)} width="8"
      height="16" /></svg>`;
}
