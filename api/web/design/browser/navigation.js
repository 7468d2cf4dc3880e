// On phones, the navigation is a bar that scrolls. Shows the entry of the current page.
document.querySelector('.side [aria-current="page"]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
